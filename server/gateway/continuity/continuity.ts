/**
 * Which account holds what a conversation depends on. Threads prefer the account that served them last; answers that
 * are gone on from and encrypted compactions belong to their maker (wire spec B17). Only hashes are kept.
 */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { AnchorKind } from '../../contract/vocabulary.ts';
import { errorFacts } from '../../observe/log.ts';
import type { Clock, Log } from '../../world/world.ts';
import type { Exchange } from '../exchange.ts';
import { anchorLifeMs, nameOfContent, nameOfKey, type AnchorName } from './anchor.ts';
import type { Queryable } from './anchor-store.ts';
import { createAnchors } from './anchors.ts';
import { decideContinuation, seedOf, type Continuation } from './decide-continuation.ts';
import { conversationNames, leadingNamesOf, namesOf } from './names-of-exchange.ts';

export interface Continuity {
  /**
   * Brings what is stored of this exchange's past to mind; at most one statement.
   *
   * @throws {GatewayError} `database_unavailable` when a pin might be overlooked.
   */
  recall(exchange: Exchange): Promise<void>;
  /** What its past says now; a first request that is under way for the same conversation counts as well. */
  continuationOf(exchange: Exchange): Continuation;
  /** The conversation's first request goes there: others of the moment follow it. */
  claimThread(exchange: Exchange, accountId: string): void;
  /** The account serves the conversation: from now on it is preferred. */
  rememberThread(exchange: Exchange, accountId: string): void;
  /** May this account see the turn state the client sends? */
  issuedTurnState(exchange: Exchange, accountId: string): boolean;
  rememberTurnState(exchange: Exchange, made: { turnState: string; accountId: string }): void;
  rememberResponse(exchange: Exchange, made: { responseId: string; accountId: string }): void;
  /** The file is at this account, for a day. */
  rememberFile(exchange: Exchange, made: { fileId: string; accountId: string }): void;
  /** Did this key upload every file that the request refers to? */
  ownsFiles(exchange: Exchange): boolean;
  rememberCompaction(encryptedContent: string, accountId: string): void;
  /** Other encrypted content, which is dispensable where its account is. */
  rememberSealed(encryptedContent: string, accountId: string): void;
  /** Who sealed which of these, as far as is known. Never throws. */
  sealersOf(exchange: Exchange, contents: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The account serves this conversation without what others sealed in it. */
  noteShed(exchange: Exchange, accountId: string): void;
  wasShedFor(exchange: Exchange, accountId: string): boolean;
  /** Stores what is not stored yet. Never throws. */
  save(): Promise<void>;
  /** Stores everything, or gives up when the signal aborts. */
  flush(signal: AbortSignal): Promise<void>;
}

/** @param parts.pool - Where anchors are stored. */
export function createContinuity({ pool, clock, log }: { pool: Queryable; clock: Clock; log: Log }): Continuity {
  const anchors = createAnchors({ pool, clock, log });
  const ownerOfFirst = (names: readonly (AnchorName | null)[]) => {
    for (const name of names) {
      const owner = name && anchors.ownerOf(name);
      if (owner) return owner;
    }
    return null;
  };
  const rememberOfKey = (
    kind: keyof typeof anchorLifeMs & AnchorKind,
    { exchange, text, accountId }: { exchange: Exchange; text: string; accountId: string },
  ) => {
    const name = nameOfKey(kind, { keyId: exchange.client.keyId, text });
    anchors.bind(name, { accountId, lifeMs: anchorLifeMs[kind] });
  };

  return {
    async recall(exchange) {
      try {
        const { shed } = namesOf(exchange);
        await anchors.load(leadingNamesOf(exchange), shed ? [shed] : []);
      } catch (error) {
        log.warn('anchors_not_read', { requestId: exchange.id, ...errorFacts(error) });
        const { compactions, previousResponses, files } = namesOf(exchange);
        const pins = [...compactions, ...previousResponses, ...files];
        if (pins.length > 0 && ownerOfFirst(pins) === null)
          throw new GatewayError('database_unavailable', { cause: error, retryAfterMs: 2_000 });
      }
    },

    continuationOf(exchange) {
      const { ask, client, routing } = exchange;
      const names = namesOf(exchange);
      const decided = decideContinuation({
        previousResponses: names.previousResponses.flatMap((name) => anchors.ownerOf(name) ?? []),
        compaction: ownerOfFirst(names.compactions),
        files: names.files.flatMap((name) => anchors.ownerOf(name) ?? []),
        turnState: ownerOfFirst([names.turnState]),
        idempotencyKey: ownerOfFirst([names.idempotency]),
        thread: ownerOfFirst(names.thread),
        namesThread: names.thread.length > 0,
        namesCodexSession: ask.threadAnchors.length > 0,
        namesIdempotencyKey: names.idempotency !== null,
        hasPromptCacheKey: ask.promptCacheKey !== null,
        isPromptCachePool: routing.promptCacheAffinity,
        isPromptCacheRoute: !ask.isCompaction,
      });
      const conversation = conversationNames(exchange);
      const facts = { ...client, ...ask, conversation, requestId: exchange.id };
      return { ...decided, seed: seedOf(facts, decided.locality) };
    },

    claimThread(exchange, accountId) {
      const { thread, idempotency } = namesOf(exchange);
      for (const name of idempotency ? [...thread, idempotency] : thread) anchors.claim(name, accountId);
    },

    rememberThread(exchange, accountId) {
      const { thread, ownCount, idempotency } = namesOf(exchange);
      const lifeMs = exchange.settings['routing.thread_affinity_ms'];
      thread.forEach((name, index) => {
        // A sub-agent that had to move does not take its root along.
        const mayBind = index < ownCount || [null, accountId].includes(anchors.ownerOf(name));
        if (mayBind) anchors.bind(name, { accountId, lifeMs });
      });
      if (idempotency) anchors.bind(idempotency, { accountId, lifeMs });
      // An answer that was gone on from once may be gone on from again.
      for (const name of namesOf(exchange).previousResponses)
        if (anchors.ownerOf(name) === accountId) anchors.bind(name, { accountId, lifeMs: anchorLifeMs.response });
    },

    issuedTurnState(exchange, accountId) {
      const { turnState } = namesOf(exchange);
      return turnState !== null && anchors.ownerOf(turnState) === accountId;
    },

    rememberTurnState: (exchange, { turnState, accountId }) =>
      rememberOfKey('turn_state', { exchange, text: turnState, accountId }),

    rememberResponse: (exchange, { responseId, accountId }) =>
      rememberOfKey('response', { exchange, text: responseId, accountId }),

    rememberFile: (exchange, { fileId, accountId }) => rememberOfKey('file', { exchange, text: fileId, accountId }),

    ownsFiles: (exchange) => namesOf(exchange).files.every((name) => anchors.ownerOf(name) !== null),

    rememberCompaction: (encryptedContent, accountId) =>
      anchors.bind(nameOfContent('compaction', encryptedContent), { accountId, lifeMs: anchorLifeMs.compaction }),

    rememberSealed: (encryptedContent, accountId) =>
      anchors.bind(nameOfContent('sealed', encryptedContent), { accountId, lifeMs: anchorLifeMs.sealed }),

    async sealersOf(exchange, contents) {
      const names = contents.map((content) => [content, nameOfContent('sealed', content)] as const);
      try {
        await anchors.load(names.map(([, name]) => name));
      } catch (error) {
        log.warn('anchors_not_read', { requestId: exchange.id, ...errorFacts(error) });
      }
      return new Map(
        names.flatMap(([content, name]) => {
          const owner = anchors.ownerOf(name);
          return owner === null ? [] : [[content, owner] as const];
        }),
      );
    },

    noteShed(exchange, accountId) {
      const { shed } = namesOf(exchange);
      if (shed) anchors.bind(shed, { accountId, lifeMs: exchange.settings['routing.thread_affinity_ms'] });
    },

    wasShedFor: (exchange, accountId) => ownerOfFirst([namesOf(exchange).shed]) === accountId,

    save: anchors.save,
    flush: anchors.flush,
  };
}
