/** Requests as Codex sends them, with texts of our own, and what comes back. */

export interface CodexAsk {
  readonly model?: string;
  readonly text?: string;
  readonly thread?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly signal?: AbortSignal;
  /** Replaces the whole body. */
  readonly body?: Buffer | string;
  /** Input items before the user's text. */
  readonly items?: readonly unknown[];
}

/** A body in the full dialect (wire spec A4.2). */
export function codexBody({
  model = 'gpt-5.5',
  text = 'say hello',
  thread = 'thread-1',
  items = [],
}: CodexAsk = {}): string {
  return JSON.stringify({
    model,
    stream: true,
    input: [...items, { type: 'message', id: 'msg_1', role: 'user', content: [{ type: 'input_text', text }] }],
    tools: [{ type: 'function', name: 'exec_command', description: 'Runs a command.', strict: false, parameters: {} }],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    reasoning: { effort: 'medium' },
    store: false,
    include: ['reasoning.encrypted_content'],
    prompt_cache_key: thread,
    text: { verbosity: 'low' },
    client_metadata: { session_id: thread, thread_id: thread },
  });
}

/** Sends one request; the answer's body is not read yet. */
export function askCodex(gateway: { url: string }, key: string, ask: CodexAsk = {}): Promise<Response> {
  const { thread = 'thread-1', path = '/backend-api/codex/responses' } = ask;
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
      originator: 'codex_exec',
      'user-agent': 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)',
      'session-id': thread,
      'thread-id': thread,
      ...ask.headers,
    },
    body: ask.body ?? codexBody(ask),
    ...(ask.signal ? { signal: ask.signal } : {}),
  });
}

/** The events of a whole stream, parsed. */
export function eventsOf(text: string): Record<string, unknown>[] {
  return text
    .split(/\r?\n\r?\n/)
    .flatMap((block) => block.split(/\r?\n/).filter((line) => line.startsWith('data:')))
    .map((line) => JSON.parse(line.slice(5)) as Record<string, unknown>);
}

/** The type of each event, in order. */
export function typesOf(text: string): unknown[] {
  return eventsOf(text).map(({ type }) => type);
}
