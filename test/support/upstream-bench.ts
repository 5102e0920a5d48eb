/** The websockets to a sandbox provider, on a clock that can be moved, and turns asked over them. */
import { createMovableClock, type MovableClock } from '../../server/sandbox/movable-clock.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { createCodexSockets, type CodexSockets, type SocketAsk } from '../../server/upstream/codex-sockets.ts';
import { createNetwork } from '../../server/world/network.ts';
import { systemClock } from '../../server/world/real-world.ts';
import type { HttpAnswer, Log, LogFacts } from '../../server/world/world.ts';
import { accountFacts } from './account-facts.ts';

export interface UpstreamBench {
  readonly clock: MovableClock;
  readonly sandbox: Sandbox;
  readonly sockets: CodexSockets;
  readonly anna: SandboxAccount;
  readonly log: Log;
  /** A turn of the owner `one`, with further members of its body. */
  ask(changes?: Record<string, unknown>): SocketAsk;
  /** @throws Error when it is sent over HTTP. */
  call(asked: SocketAsk): Promise<HttpAnswer>;
  /** A turn to the end of its answer. */
  answered(asked: SocketAsk): Promise<Answered>;
  /** What the provider has seen, each with the number of its socket. */
  kinds(): string[];
  /** The facts of the next line of this event. */
  nextLine(event: string): Promise<LogFacts>;
  stop(): Promise<void>;
}

interface Answered {
  readonly status: number;
  readonly headers: HttpAnswer['headers'];
  readonly text: string;
  readonly types: string[];
  readonly last: Readonly<Record<string, unknown>>;
  /** The answer's id. */
  readonly id: string;
}

/** How long the sockets rest after their last turn. */
export const idleMs = 1_800_000;

const plain = { model: 'gpt-5.5', stream: true, store: false, input: [], tools: [] };

export async function upstreamBench(): Promise<UpstreamBench> {
  const clock = createMovableClock(systemClock);
  const sandbox = await createSandbox({ clock });
  const network = createNetwork();
  const lines = createWatched();
  const { log } = lines;
  const sockets = createCodexSockets({ network, clock, log, idleMs: () => idleMs });
  const anna = sandbox.account('anna');
  const token = anna.signIn().accessToken;

  async function call(asked: SocketAsk): Promise<HttpAnswer> {
    const answer = await sockets.call(asked);
    if (!answer) throw new Error('the turn was sent over HTTP');
    return answer;
  }

  return {
    clock,
    sandbox,
    sockets,
    anna,
    log,
    ask: (changes = {}) => ({
      owner: 'one',
      account: accountFacts('anna', { chatgptAccountId: anna.id }),
      credential: { accessToken: token, epoch: 1 },
      url: `${sandbox.url}/backend-api/codex/responses`,
      body: Buffer.from(JSON.stringify({ ...plain, ...changes })),
      identityHeaders: [],
      turnState: null,
      signal: new AbortController().signal,
    }),
    call,
    async answered(asked) {
      const { status, headers, ...rest } = await call(asked);
      const text = await textOf(rest);
      const events = text.split('\n\n').flatMap((block) => {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        return data === undefined ? [] : [JSON.parse(data) as Record<string, unknown>];
      });
      const last = events.at(-1) ?? {};
      const id = (last['response'] as { id?: string } | undefined)?.id ?? '';
      return { status, headers, text, types: typesIn(text), last, id };
    },
    kinds: () => sandbox.requests.map(({ kind, socket }) => `${kind} ${socket}`),
    nextLine: lines.next,
    async stop() {
      sockets.stop();
      await network.stop();
      await sandbox.stop();
    },
  };
}

/** The body of a turn whose frame has exactly this length. */
export function bodyOfFrameLength(length: number, changes: Record<string, unknown> = {}): Buffer {
  const around = JSON.stringify({ type: 'response.create', ...plain, ...changes, instructions: '' }).length;
  return Buffer.from(JSON.stringify({ ...plain, ...changes, instructions: 'x'.repeat(length - around) }));
}

/** The types of a stream's events. */
export function typesIn(text: string): string[] {
  return [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type ?? '');
}

export async function textOf({ body }: Pick<HttpAnswer, 'body'>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return String(Buffer.concat(chunks));
}

function createWatched() {
  let waiting: { event: string; resolve: (facts: LogFacts) => void }[] = [];
  const write = (event: string, facts: LogFacts = {}) => {
    const told = waiting.filter((each) => each.event === event);
    waiting = waiting.filter((each) => !told.includes(each));
    for (const { resolve } of told) resolve(facts);
  };
  return {
    log: { debug: write, info: write, warn: write, error: write },
    next: (event: string) => new Promise<LogFacts>((resolve) => waiting.push({ event, resolve })),
  };
}
