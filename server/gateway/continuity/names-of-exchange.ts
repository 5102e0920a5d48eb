/** Everything an exchange names that may lead to an account, as its Pool's switches have it. Pure. */
import type { Exchange } from '../exchange.ts';
import { nameOfContent, nameOfKey, type AnchorName } from './anchor.ts';

export interface ExchangeNames {
  /**
   * The conversation: for its model first, because each model may have its account, then by its own name, then by those
   * it shares with others. Empty where conversations are not kept together.
   */
  readonly thread: readonly AnchorName[];
  /** How many of these are its own; the rest it shares, as a sub-agent does its root's session. */
  readonly ownCount: number;
  /** Repeats of one request. */
  readonly idempotency: AnchorName | null;
  /** The conversation again: the account in it that could not open all of it. */
  readonly shed: AnchorName | null;
  readonly turnState: AnchorName | null;
  readonly previousResponses: readonly AnchorName[];
  /** The newest first: it stands for all before it. */
  readonly compactions: readonly AnchorName[];
  readonly files: readonly AnchorName[];
}

const known = new WeakMap<Exchange, ExchangeNames>();

/** Hashed once per exchange. */
export function namesOf(exchange: Exchange): ExchangeNames {
  const names = known.get(exchange) ?? readNames(exchange);
  known.set(exchange, names);
  return names;
}

/** All that decide where it goes, for reading what is stored. */
export function leadingNamesOf(exchange: Exchange): AnchorName[] {
  const { thread, idempotency, turnState, previousResponses, compactions, files } = namesOf(exchange);
  const single = [idempotency, turnState].filter((name) => name !== null);
  return [...thread, ...single, ...previousResponses, ...compactions, ...files];
}

function readNames(exchange: Exchange): ExchangeNames {
  const { ask, client } = exchange;
  const ofKey = (kind: AnchorName['kind'], text: string) => nameOfKey(kind, { keyId: client.keyId, text });
  const conversation = conversationNames(exchange);
  const [own] = conversation;
  const forModel = own === undefined ? [] : [ofKey('thread', `${ask.model}\n${own}`)];
  return {
    thread: [...forModel, ...conversation.map((each) => ofKey('thread', each))],
    ownCount: own === undefined ? 0 : 2,
    idempotency: ask.idempotencyKey === null ? null : ofKey('thread', `idempotency-key\n${ask.idempotencyKey}`),
    shed: own === undefined ? null : ofKey('shed', own),
    turnState: ask.turnState === null ? null : ofKey('turn_state', ask.turnState),
    previousResponses: ask.previousResponseIds.map((each) => ofKey('response', each)),
    compactions: ask.compactions.toReversed().map((each) => nameOfContent('compaction', each)),
    files: ask.fileIds.map((each) => ofKey('file', each)),
  };
}

/**
 * A Codex conversation is the same over HTTP and websocket, so one switch keeps it together; a plain client's is named
 * by its prompt cache key alone, and the other switch does.
 */
export function conversationNames({ ask, routing }: Exchange): readonly string[] {
  if (ask.threadAnchors.length > 0) return routing.stickyWebsocket ? ask.threadAnchors : [];
  return routing.stickyHttp && ask.promptCacheKey !== null ? [`prompt-cache-key\n${ask.promptCacheKey}`] : [];
}
