/** OpenCode for tests: its engine without its terminal (`opencode serve`), asked as its own terminal and editors ask it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { textOf } from '../../server/lib/json-values.ts';
import type { Loose } from './ask-public.ts';
import { startAgent } from './agents.ts';
import { installClient } from './node-clients.ts';

export interface OpenCode {
  /**
   * A conversation in a project, whose folder holds its `opencode.json`.
   *
   * @param title - null: it asks its small model for one, beside the first answer.
   */
  begin(project: string, title: string | null): Promise<Conversation>;
  stop(): Promise<void>;
}

export interface Conversation {
  /** Sends one message, and gives what became of it. */
  ask(message: { readonly parts: readonly object[]; readonly format?: object }): Promise<Loose>;
  /** Stops the answer that is being given. */
  abort(): Promise<void>;
  /** The texts by which the answer grows, from now until the reader stops. */
  deltas(): Promise<AsyncGenerator<string>>;
}

/**
 * @param options.folder - Its home is made there.
 * @throws Error that says in plain words why it cannot be had.
 */
export async function startOpenCode({ folder, key }: { folder: string; key: string }): Promise<OpenCode> {
  const program = join(await installClient('opencode'), 'node_modules', '.bin', 'opencode');
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const env = { CODEX_POOLER_API_KEY: key, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' };
  const agent = startAgent({ command: [program, 'serve', '--port', '0'], home, workFolder: home, env });
  const address = await Promise.race([
    addressIn(createInterface({ input: agent.stdout })),
    agent.finished.then(({ stderr }) => Promise.reject(new Error(`OpenCode ended before it served: ${stderr}`))),
  ]);
  return {
    async begin(project, title) {
      const call = caller(address, project);
      const { id } = await call('/session', title === null ? {} : { title });
      return conversation(call, `/session/${textOf(id)}`);
    },
    async stop() {
      agent.kill('SIGKILL');
      await agent.finished;
    },
  };
}

async function addressIn(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const [address] = /http:\/\/[\d.]+:\d+/.exec(line) ?? [];
    if (address) return address;
  }
  throw new Error('OpenCode names no address.');
}

type Ask = { (path: string, body: object): Promise<Loose>; events(): Promise<AsyncGenerator<Loose>> };

/** Asks the server about one project. */
function caller(address: string, project: string): Ask {
  const urlOf = (path: string) => `${address}${path}?directory=${encodeURIComponent(project)}`;
  const ask = async (path: string, body: object): Promise<Loose> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(urlOf(path), { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`OpenCode answered ${path} with ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Loose;
  };
  return Object.assign(ask, {
    async events() {
      const events = eventsOf(await fetch(urlOf('/event')));
      // It greets as soon as it listens.
      await events.next();
      return events;
    },
  });
}

async function* eventsOf(answer: Response): AsyncGenerator<Loose> {
  let rest = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as Loose;
  }
}

function conversation(call: Ask, path: string): Conversation {
  return {
    ask: (message) => call(`${path}/message`, message),
    async abort() {
      await call(`${path}/abort`, {});
    },
    async deltas() {
      const events = await call.events();
      return (async function* () {
        for await (const { type, properties } of events)
          if (textOf(type) === 'message.part.delta') yield textOf(properties?.['delta']);
      })();
    },
  };
}
