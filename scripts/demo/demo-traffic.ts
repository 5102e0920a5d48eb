/** Turns of made-up conversations, sent through the gateway as a client would, and what became of them. */
import type { Sandbox } from '../../server/sandbox/sandbox.ts';

export interface Turn {
  readonly thread: string;
  /** Accounts that were asked, in order; the last one answered. */
  readonly asked: readonly string[];
  readonly status: number;
}

/** A body in the full dialect (wire spec A4.2), as small as one can be. */
export function turnBody(text: string): Record<string, unknown> {
  return {
    model: 'gpt-5.5',
    stream: true,
    store: false,
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
  };
}

export const responsesPath = '/backend-api/codex/responses';

export function createTraffic(parts: { url: string; key: string; sandbox: Sandbox; signal: AbortSignal }) {
  const { url, key, sandbox, signal } = parts;

  /** One turn, answered to its end. */
  async function take(thread: string, text: string): Promise<Turn> {
    const before = sandbox.requests.at(-1)?.number ?? 0;
    const response = await fetch(`${url}${responsesPath}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
        'user-agent': 'codex-pooler-demo/1',
        'thread-id': thread,
      },
      body: JSON.stringify(turnBody(text)),
      signal,
    });
    await response.arrayBuffer();
    const asked = sandbox.requests
      .filter(({ number, path }) => number > before && path === responsesPath)
      .filter((request) => request.header('thread-id') === thread)
      .flatMap(({ account }) => account ?? []);
    return { thread, asked, status: response.status };
  }

  /** The account that holds the conversation fails once, so that another takes over. */
  function failOnce(account: string): void {
    sandbox.account(account).fails(503);
  }

  return { take, failOnce };
}

/** `turn 4, thread docs: cleo failed, anna answered`. */
export function renderTurn({ thread, asked, status }: Turn, number: number): string {
  const failed = asked.slice(0, -1).map((name) => `${name} failed, `);
  const last = asked.at(-1);
  const end = status === 200 && last ? `${last} answered` : `refused with status ${status}`;
  return `turn ${number}, thread ${thread}: ${failed.join('')}${end}`;
}
