/**
 * What the clients of `/v1` websockets may go on from: the conversations that lead to their latest answers, in memory
 * only, each for its own socket and not a moment longer (v1 spec 2.8). Where there is no room the oldest goes, and its
 * client is told to send everything.
 */

/** The items of a conversation, as their client would send them. Conversations that share a beginning share its bytes. */
export type Conversation = readonly Part[];

interface Part {
  /** A JSON list. */
  readonly json: Buffer;
  /** How many kept conversations it is part of. */
  uses: number;
}

export interface AnswerMemory {
  open(): SocketMemory;
  /** Bytes kept for all sockets. */
  readonly bytes: number;
}

/** What one socket remembers. */
export interface SocketMemory {
  recall(responseId: string): Conversation | null;
  /** @param latest.items - What was asked last, and its answer. */
  keep(responseId: string, latest: { before: Conversation; items: readonly unknown[] }): void;
  forget(responseId: string): void;
  close(): void;
}

interface Kept {
  readonly conversation: Conversation;
  readonly drop: () => void;
}

/** A client goes on from its last answer; some try several ways from an earlier one. */
export const maxAnswers = 32;
/** One socket's part of the room, so that one long conversation does not push out all others. */
const partOfOneSocket = 4;
/** A turn costs memory and time in every conversation that it is part of, however little was said in it. */
export const maxParts = 4_096;
/** Longer ids are not the provider's. */
const longestId = 256;

/** @param options.maxBytes - For all sockets together. */
export function createAnswerMemory({ maxBytes }: { maxBytes: () => number }): AnswerMemory {
  /** The one unused longest first. */
  const all = new Set<Kept>();
  let bytes = 0;

  function open(): SocketMemory {
    const own = new Map<string, Kept>();
    let ownBytes = 0;
    let isClosed = false;

    function count(conversation: Conversation, change: 1 | -1): void {
      for (const part of conversation) {
        part.uses += change;
        const isNew = change === 1 ? part.uses === 1 : part.uses === 0;
        if (!isNew) continue;
        ownBytes += change * part.json.length;
        bytes += change * part.json.length;
      }
    }

    function forget(responseId: string): void {
      const kept = own.get(responseId);
      if (!kept) return;
      own.delete(responseId);
      all.delete(kept);
      count(kept.conversation, -1);
    }

    function put(responseId: string, kept: Kept): void {
      own.set(responseId, kept);
      all.add(kept);
    }

    return {
      recall(responseId) {
        const kept = own.get(responseId);
        if (!kept) return null;
        own.delete(responseId);
        all.delete(kept);
        put(responseId, kept);
        return kept.conversation;
      },
      keep(responseId, { before, items }) {
        forget(responseId);
        const json = Buffer.from(JSON.stringify(items));
        const conversation = [...before, { json, uses: 0 }];
        const size = conversation.reduce((sum, part) => sum + part.json.length, 0);
        const ownRoom = maxBytes() / partOfOneSocket;
        if (isClosed || responseId === '' || responseId.length > longestId) return;
        if (size > ownRoom || conversation.length > maxParts) return;
        count(conversation, 1);
        put(responseId, { conversation, drop: () => forget(responseId) });
        const isTooMuch = () => own.size > maxAnswers || ownBytes > ownRoom;
        while (isTooMuch()) forget(firstOf(own.keys()));
        const isTooMuchForAll = () => bytes > maxBytes();
        while (isTooMuchForAll()) firstOf(all).drop();
      },
      forget,
      close() {
        isClosed = true;
        for (const responseId of own.keys()) forget(responseId);
      },
    };
  }

  return {
    open,
    get bytes() {
      return bytes;
    },
  };
}

/** The items of a conversation, from its beginning. */
export function itemsOf(conversation: Conversation): unknown[] {
  return conversation.flatMap(({ json }) => JSON.parse(json.toString('utf8')) as unknown[]);
}

/** @throws when there is none: what is too much holds something. */
function firstOf<T>(list: Iterable<T>): T {
  for (const first of list) return first;
  throw new RangeError('nothing is kept');
}
