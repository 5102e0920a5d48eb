/** Reads what `codex exec --json` prints: one event per line. */
import type { CodexRun } from '../support/codex-cli.ts';

export type CodexItem = Readonly<Record<string, unknown>>;

interface CodexEvent {
  readonly type: string;
  readonly item?: CodexItem;
  readonly usage?: Readonly<Record<string, number>>;
  readonly error?: { readonly message: string };
  readonly message?: string;
}

/** @throws Error with both outputs when there is a line that is no event. */
export function codexEvents({ stdout, stderr }: CodexRun): CodexEvent[] {
  try {
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as CodexEvent);
  } catch (error) {
    throw new Error(`Codex printed something else than events:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Items as they were when they were complete. */
export function itemsOf(run: CodexRun): CodexItem[] {
  return codexEvents(run).flatMap(({ type, item }) => (type === 'item.completed' && item ? [item] : []));
}

/** Texts of the assistant, in order. */
export function messagesOf(run: CodexRun): string[] {
  return itemsOf(run).flatMap(({ type, text }) => (type === 'agent_message' && typeof text === 'string' ? [text] : []));
}

export function lastMessageOf(run: CodexRun): string | undefined {
  return messagesOf(run).at(-1);
}

/** The tokens it counted, over all requests of the turn. */
export function usageOf(run: CodexRun): Readonly<Record<string, number>> | undefined {
  return codexEvents(run).findLast(({ type }) => type === 'turn.completed')?.usage;
}

/** The sentence with which the turn failed. */
export function failureOf(run: CodexRun): string | undefined {
  return codexEvents(run).findLast(({ type }) => type === 'turn.failed')?.error?.message;
}

/** Sentences shown before the turn ended, such as "Reconnecting... 1/5". */
export function noticesOf(run: CodexRun): string[] {
  return codexEvents(run).flatMap(({ type, message }) => (type === 'error' && message ? [message] : []));
}
