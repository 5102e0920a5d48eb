/**
 * Which account a request must, or should, go to by what it carries (gateway spec 4.3, 4.4, 4.6). Needs pin, habits
 * prefer: a preferred account that may not serve is passed over, a pinned one is waited for. Pure.
 */
import type { ContinuationReason, LocalityWord } from '../../contract/vocabulary.ts';

/** Accounts that what the request carries leads to; null where it carries nothing, or nothing known. */
export interface ContinuityEvidence {
  /** Makers of the answers it goes on from; an id that nobody here knows proves nothing and is not among them. */
  readonly previousResponses: readonly string[];
  /** Accounts of the files it refers to, as far as they are known. */
  readonly files: readonly string[];
  /** Maker of the newest compaction in its input. */
  readonly compaction: string | null;
  readonly turnState: string | null;
  readonly idempotencyKey: string | null;
  readonly thread: string | null;
  /** Does it name a conversation that is kept together? */
  readonly namesThread: boolean;
  readonly namesCodexSession: boolean;
  readonly namesIdempotencyKey: boolean;
  readonly hasPromptCacheKey: boolean;
  readonly isPromptCachePool: boolean;
  readonly isPromptCacheRoute: boolean;
}

/** What this request's past says of its account, as plain facts. */
export interface Continuation {
  /** The only account that can serve it. */
  readonly pinnedTo: string | null;
  /** It carries what belongs to two accounts, so that nobody can serve it. */
  readonly isTorn: boolean;
  /** The account it had: first in line, no more. */
  readonly prefers: string | null;
  readonly why: ContinuationReason;
  readonly locality: LocalityWord;
  /** What the order of accounts depends on: equal seeds meet equal orders. */
  readonly seed: string;
}

/** A request as far as its seed is concerned. */
export interface SeedFacts {
  readonly poolId: string;
  readonly keyId: string;
  readonly model: string;
  /** What names the conversation, the widest name last: a sub-agent meets the order of its root. */
  readonly conversation: readonly string[];
  readonly idempotencyKey: string | null;
  readonly promptCacheKey: string | null;
  readonly requestId: string;
}

/** A request that names nothing meets an order of its own. */
export function seedOf(facts: SeedFacts, locality: LocalityWord): string {
  const { poolId, keyId, model, promptCacheKey } = facts;
  if (locality === 'applied') return `${poolId}:${keyId}:${model}:prompt_cache:${promptCacheKey}`;
  return `${keyId}:${facts.conversation.at(-1) ?? facts.idempotencyKey ?? facts.requestId}`;
}

/** @example decideContinuation({ ...nothing, compaction: 'a', thread: 'b' }) // pinned to a */
export function decideContinuation(evidence: ContinuityEvidence): Omit<Continuation, 'seed'> {
  const { previousResponses, compaction, files, turnState, idempotencyKey, thread } = evidence;
  const makers = new Set([...previousResponses, ...(compaction === null ? [] : [compaction]), ...files]);
  const [maker] = makers;
  if (maker !== undefined) {
    return {
      pinnedTo: maker,
      isTorn: makers.size > 1,
      prefers: null,
      why: whyPinned(evidence, { isTorn: makers.size > 1 }),
      locality: 'pinned',
    };
  }
  const [why, prefers] = firstOf([
    ['turn_state', turnState],
    ['idempotency_key', idempotencyKey],
    ['thread', thread],
  ]);
  const locality = localityOf(evidence, prefers);
  return {
    pinnedTo: null,
    isTorn: false,
    prefers,
    why: locality === 'applied' ? 'prompt_cache' : why,
    locality,
  };
}

/** Where two accounts are needed and a file is one of the things, the file is what can be had again. */
function whyPinned(
  { previousResponses, compaction, files }: ContinuityEvidence,
  { isTorn }: { isTorn: boolean },
): ContinuationReason {
  if (isTorn && files.length > 0) return 'file';
  if (previousResponses.length > 0) return 'previous_response';
  return compaction === null ? 'file' : 'compaction';
}

function firstOf(
  preferences: readonly (readonly [ContinuationReason, string | null])[],
): readonly [ContinuationReason, string | null] {
  return preferences.find(([, accountId]) => accountId !== null) ?? ['none', null];
}

/** An account the conversation has is better than one its prompt cache key may have warmed. */
function localityOf(evidence: ContinuityEvidence, prefers: string | null): LocalityWord {
  if (!evidence.isPromptCacheRoute) return 'route_not_covered';
  if (!evidence.hasPromptCacheKey) return 'prompt_cache_key_absent';
  if (!evidence.isPromptCachePool) return 'pool_toggle_disabled';
  if (evidence.namesThread && evidence.namesCodexSession) return 'codex_session_continuity';
  if (evidence.namesIdempotencyKey) return 'idempotency_key_continuity';
  return prefers === null ? 'applied' : 'durable_affinity_hit';
}
