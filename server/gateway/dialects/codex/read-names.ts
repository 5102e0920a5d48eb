/** What a native request names its conversation by, and the earlier answers it goes on from. Names are hashed before they are kept. */

/** Anything longer is no name. */
const longestName = 1024;

export interface RequestNames {
  /** The conversation's own name first, then what it shares with others: sub-agents share the root's `session-id`. */
  readonly threadAnchors: readonly string[];
  readonly idempotencyKey: string | null;
  /** From the body and from the header, each once. */
  readonly previousResponseIds: readonly string[];
}

/** The header that names an earlier answer. It is for the gateway alone and does not travel on. */
export const previousResponseHeader = 'x-codex-previous-response-id';

/** Headers in which clients of all kinds name their session; not all of them travel on. */
export const sessionHeaders = [
  'x-codex-window-id',
  'x-codex-session-id',
  'session-id',
  'session_id',
  'x-session-id',
  'x-session-affinity',
  'x-codex-conversation-id',
] as const;

/** @param options.header - The value of a request header, by its lower-case name. */
export function readNames({
  header,
  previousResponseId,
}: {
  header: (name: string) => string | undefined;
  previousResponseId: string | undefined;
}): RequestNames {
  return {
    threadAnchors: namesAmong([
      header('thread-id'),
      // A window's number grows with every compaction; the thread is the same.
      ...sessionHeaders.map((name) => header(name)?.replace(name === 'x-codex-window-id' ? /:\d+$/ : '', '')),
    ]),
    idempotencyKey: namesAmong([header('idempotency-key')])[0] ?? null,
    previousResponseIds: namesAmong([previousResponseId, header(previousResponseHeader)]),
  };
}

function namesAmong(values: readonly (string | undefined)[]): string[] {
  const names = values.map((value) => value?.trim() ?? '').filter((name) => name !== '' && name.length <= longestName);
  return [...new Set(names)];
}
