import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountFacts } from '../../test/support/account-facts.ts';
import { createMovableClock, type MovableClock } from '../sandbox/movable-clock.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import type { SandboxAccount } from '../sandbox/account.ts';
import { createNetwork } from '../world/network.ts';
import { systemClock } from '../world/real-world.ts';
import {
  NetworkFault,
  type HttpAnswer,
  type Log,
  type LogFacts,
  type Websocket,
  type WebsocketListener,
} from '../world/world.ts';
import {
  createCodexSockets,
  handshakeMs,
  maxFrameBytes,
  refusedMs,
  type CodexSockets,
  type SocketAsk,
} from './codex-sockets.ts';
import { lifeMs } from './codex-socket.ts';

const idleMs = 1_800_000;

let clock: MovableClock;
let sandbox: Sandbox;
let network: ReturnType<typeof createNetwork>;
let sockets: CodexSockets;
let anna: SandboxAccount;
let token: string;
let closings: Watched;

beforeEach(async () => {
  clock = createMovableClock(systemClock);
  sandbox = await createSandbox({ clock });
  network = createNetwork();
  closings = createWatched();
  sockets = createCodexSockets({ network, clock, log: closings.log, idleMs: () => idleMs });
  anna = sandbox.account('anna');
  token = anna.signIn().accessToken;
});
afterEach(async () => {
  sockets.stop();
  await network.stop();
  await sandbox.stop();
});

describe('a turn', () => {
  it('looks like the answer to an HTTP request, one block per frame', async () => {
    const read = await answered(ask());
    expect(read.status).toBe(200);
    expect(read.headers.get('content-type')).toBe('text/event-stream');
    expect(read.headers.get('x-codex-primary-used-percent')).toBeDefined();
    expect(read.types.slice(0, 3)).toEqual(['codex.rate_limits', 'response.metadata', 'response.created']);
    expect(read.types.at(-1)).toBe('response.completed');
    expect(read.text.startsWith('event: codex.rate_limits\ndata: {"type":"codex.rate_limits"')).toBe(true);
    expect(read.text.endsWith('}\n\n')).toBe(true);
  });

  it('finds the socket of the turn before, and goes on from its answer there', async () => {
    const first = await answered(ask());
    expect(sockets.holds('one', first.id)).toBe(true);
    expect(sockets.holds('other', first.id)).toBe(false);
    expect(sockets.holds('one', 'resp_nobodys')).toBe(false);
    const second = await answered(ask({ previous_response_id: first.id }));
    expect(second.types.at(-1)).toBe('response.completed');
    // What the handshake said of limits is old by now.
    expect(second.headers.has('x-codex-primary-used-percent')).toBe(false);
    expect(kinds()).toEqual(['handshake 1', 'frame 1', 'frame 1']);
    expect(sandbox.violations).toEqual([]);
  });

  it('says what the client wrote, byte for byte, behind the word that makes it a frame', async () => {
    const body = Buffer.from(
      '{ "model":"gpt-5.5", "stream":true,"store":false,"input":[],"tools":[], "n":1.0,"text":{"x":"\\u00e4"}}',
    );
    await answered({ ...ask(), body });
    const frame = sandbox.requests.find(({ kind }) => kind === 'frame');
    expect(String(frame?.body)).toBe(String(body).replace('{', '{"type":"response.create",'));
  });

  it('opens a socket with the identity of its client and the credentials of its account', async () => {
    await answered({
      ...ask(),
      identityHeaders: [
        ['originator', 'codex_exec'],
        ['accept', 'text/event-stream'],
        ['openai-beta', 'other'],
        ['thread-id', 't'],
      ],
    });
    const [handshake] = sandbox.requests;
    expect(handshake?.header('originator')).toBe('codex_exec');
    expect(handshake?.header('thread-id')).toBe('t');
    expect(handshake?.header('openai-beta')).toBe('responses_websockets=2026-02-06');
    expect(handshake?.header('chatgpt-account-id')).toBe(anna.id);
    for (const name of ['accept', 'content-type', 'sec-websocket-extensions', 'sec-websocket-protocol'])
      expect(handshake?.header(name), name).toBeUndefined();
  });

  it.each(['fragmented', 'ping', 'junk', 'compressed'] as const)('is whole over odd frames: %s', async (kind) => {
    anna.answers({ behaviour: 'W6', kind });
    const read = await answered(ask());
    expect(read.types.at(-1)).toBe('response.completed');
    expect(read.text).not.toContain('this is not JSON');
  });

  it('may bring a message of 18 MiB', async () => {
    anna.answers({ behaviour: 'W6', kind: 'big' });
    const read = await answered(ask());
    expect(read.text.length).toBeGreaterThan(18 * 2 ** 20);
    expect(read.types.at(-1)).toBe('response.completed');
  });

  it('waits for a slow reader and loses nothing', async () => {
    anna.answers({ behaviour: 'N12', deltas: 400, bytes: 4_000 });
    const answer = await call(ask());
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const types = typesIn(String(Buffer.concat(chunks)));
    expect(types.filter((type) => type === 'response.output_text.delta')).toHaveLength(400);
    expect(types.at(-1)).toBe('response.completed');
  });
});

describe('the length of a frame', () => {
  it.each([
    [maxFrameBytes - 1, true],
    [maxFrameBytes, false],
    [maxFrameBytes + 1, false],
  ])('of %i bytes decides whether it goes over a socket: %s', async (length, isOnSocket) => {
    const read = await sockets.call({ ...ask(), body: bodyOfFrameLength(length) });
    expect(read !== null).toBe(isOnSocket);
    if (!read) return expect(sandbox.requests).toEqual([]);
    expect((await textOf(read)).includes('response.completed')).toBe(true);
    expect(sandbox.requests.find(({ kind }) => kind === 'frame')?.wireBytes).toBe(length);
  });

  it.each(['fresh', 'used'])(
    'that is too much for the provider all the same leads to HTTP, on a %s socket',
    async (kind) => {
      let listener: WebsocketListener | null = null;
      const strict = createCodexSockets({
        clock,
        log: closings.log,
        idleMs: () => idleMs,
        network: {
          async openWebsocket(opening) {
            listener = opening.listener;
            return {
              kind: 'open',
              socket: deafWire((message) => answerOrClose(listener as WebsocketListener, message)),
            };
          },
        },
      });
      if (kind === 'used') expect(await strict.call(ask())).toMatchObject({ status: 200 });
      expect(await strict.call({ ...ask(), body: bodyOfFrameLength(1_000) })).toBeNull();
      strict.stop();
    },
  );

  it('that goes on from an answer sends nothing, because HTTP cannot go on', async () => {
    const first = await answered(ask());
    const body = bodyOfFrameLength(maxFrameBytes, { previous_response_id: first.id });
    expect(await sockets.call({ ...ask(), body })).toMatchObject({ status: 400 });
  });
});

describe('a refused handshake', () => {
  it.each([401, 403, 429, 500, 503])('with %i is the answer, body and all', async (status) => {
    anna.answers({ behaviour: 'W1', status });
    const answer = await call(ask());
    expect(answer.status).toBe(status);
    expect(JSON.parse(await textOf(answer))).toHaveProperty('error');
  });

  it.each([200, 400, 404, 413, 426])(
    'with %i sends the turn over HTTP, and the next ones for a while',
    async (status) => {
      anna.answers({ behaviour: 'W1', status });
      expect(await sockets.call(ask())).toBeNull();
      expect(await sockets.call(ask())).toBeNull();
      expect(kinds()).toHaveLength(1);
      clock.advance(refusedMs);
      expect((await answered(ask())).status).toBe(200);
    },
  );

  it('that never comes sends the turn over HTTP after a while', async () => {
    anna.answers({ behaviour: 'W1', hang: true });
    const arrived = sandbox.nextRequest({ kind: 'handshake' });
    const called = sockets.call(ask());
    await arrived;
    clock.advance(handshakeMs);
    expect(await called).toBeNull();
  });

  it('because nobody listens is a fault of the connection', async () => {
    const fault = sockets.call({ ...ask(), url: 'http://127.0.0.1:1/' });
    await expect(fault).rejects.toMatchObject({ kind: 'connect' });
  });
});

describe('an error frame', () => {
  it.each([
    ['status', 429],
    ['status', 401],
    ['status_code', 503],
    ['inner', 402],
  ] as const)('that names its %s is a refusal with it (%i)', async (statusField, status) => {
    anna.answers({
      behaviour: 'W3',
      statusField,
      status,
      type: 'rate_limit_exceeded',
      headers: { 'X-Codex-Primary-Used-Percent': '99' },
    });
    const answer = await call(ask());
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-codex-primary-used-percent')).toBe('99');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(await textOf(answer))).toMatchObject({ error: { type: 'rate_limit_exceeded' } });
  });

  it.each([
    ['usage_limit_reached', 429],
    ['server_is_overloaded', 503],
    ['invalid_request_error', 400],
    ['whatever', 500],
  ])('that names no status has that of its code: %s', async (type, status) => {
    anna.answers({ behaviour: 'W3', statusField: 'none', type });
    expect((await call(ask())).status).toBe(status);
  });

  it('in the middle of an answer fails it, and the next turn has a socket of its own', async () => {
    anna.answers({ behaviour: 'W3', status: 429, type: 'usage_limit_reached', deltas: 2 });
    const read = await answered(ask());
    expect(read.types.at(-1)).toBe('response.failed');
    expect(read.last).toMatchObject({ response: { error: { code: 'usage_limit_reached' } } });
    expect((await answered(ask())).types.at(-1)).toBe('response.completed');
    expect(kinds()).toEqual(['handshake 1', 'frame 1', 'handshake 2', 'frame 2']);
  });
});

describe('a socket that ends', () => {
  it('between turns is replaced unseen', async () => {
    anna.answers({ behaviour: 'W2', at: 'after_turn', how: 1012 });
    const closed = closings.next('upstream_websocket_closed');
    await answered(ask());
    expect((await closed)['reason']).toBe('websocket_closed_1012');
    expect((await answered(ask())).types.at(-1)).toBe('response.completed');
    expect(sockets.counts()).toMatchObject({ open: 1, idle: 1 });
  });

  it('as it is asked again, before any byte, is replaced unseen', async () => {
    await answered(ask());
    anna.answers({ behaviour: 'F9', at: 'headers' });
    const read = await answered(ask());
    expect(read.types.at(-1)).toBe('response.completed');
    expect(kinds()).toEqual(['handshake 1', 'frame 1', 'frame 1', 'handshake 2', 'frame 2']);
  });

  it('as it is asked to go on, before any byte, cannot be replaced: the client sends everything', async () => {
    const first = await answered(ask());
    anna.answers({ behaviour: 'F9', at: 'headers' });
    const answer = await call(ask({ previous_response_id: first.id }));
    expect(answer.status).toBe(400);
    expect(JSON.parse(await textOf(answer))).toMatchObject({ error: { code: 'previous_response_not_found' } });
    expect(kinds()).toHaveLength(3);
  });

  it('twice before any byte is a lost connection', async () => {
    await answered(ask());
    anna.answers({ behaviour: 'F9', at: 'headers' }).answers({ behaviour: 'F9', at: 'headers' });
    await expect(sockets.call(ask())).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  });

  it.each([1000, 1001, 1008, 1009, 1011, 1012, 1013, 4000, 'reset'] as const)(
    'in the middle of an answer, with %s, breaks it off',
    async (how) => {
      await answered(ask());
      anna.answers({ behaviour: 'W2', at: 'mid_answer', how });
      const answer = await call(ask());
      const code = how === 'reset' ? 1006 : how;
      await expect(textOf(answer)).rejects.toMatchObject({ kind: 'reset', systemCode: `websocket_closed_${code}` });
      expect(kinds()).toHaveLength(3);
      expect(sockets.counts()).toMatchObject({ open: 0, idle: 0 });
    },
  );

  it('with a binary frame is ended by us', async () => {
    anna.answers({ behaviour: 'W6', kind: 'binary' });
    const answer = await call(ask());
    await expect(textOf(answer)).rejects.toMatchObject({ systemCode: 'websocket_binary_frame' });
  });

  it('because the provider gave it its time is replaced before we ask it again', async () => {
    anna.answers({ behaviour: 'W4', lifeMs: 1_000 });
    const closed = closings.next('upstream_websocket_closed');
    const first = await answered(ask());
    clock.advance(1_000);
    await closed;
    expect(sockets.holds('one', first.id)).toBe(false);
    expect((await answered(ask())).types.at(-1)).toBe('response.completed');
  });
});

describe('a turn that is given up', () => {
  it('ends its socket, so that the provider stops', async () => {
    anna.answers({ behaviour: 'F8', at: 'created' });
    const ended = sandbox.nextStreamEnd();
    const answer = await call(ask());
    answer.cancel();
    answer.cancel();
    expect((await ended).outcome).toBe('left');
    await expect(textOf(answer)).rejects.toBeInstanceOf(NetworkFault);
    expect(sockets.counts().open).toBe(0);
  });

  it('by its signal, before an answer or in it, is nobody’s fault', async () => {
    for (const at of ['headers', 'created'] as const) {
      anna.answers({ behaviour: 'F8', at });
      const left = new AbortController();
      const arrived = sandbox.nextRequest({ kind: 'frame' });
      const reading = sockets.call({ ...ask(), signal: left.signal }).then((answer) => textOf(answer as HttpAnswer));
      await arrived;
      left.abort(new Error('left'));
      await expect(reading).rejects.toMatchObject({ kind: 'aborted' });
    }
  });
});

describe('sockets', () => {
  it('are kept per conversation and account', async () => {
    const ben = sandbox.account('ben');
    const ofBen = {
      account: accountFacts('ben', { chatgptAccountId: ben.id }),
      credential: { accessToken: ben.signIn().accessToken, epoch: 1 },
    };
    await answered(ask());
    await answered({ ...ask(), owner: 'two' });
    await answered({ ...ask(), ...ofBen });
    await answered(ask());
    expect(sockets.counts()).toEqual({
      open: 3,
      idle: 3,
      byAccount: new Map([
        ['anna', 2],
        ['ben', 1],
      ]),
    });
    expect(kinds().filter((kind) => kind.startsWith('handshake'))).toHaveLength(3);
  });

  it.each([
    ['another credential', { credential: 2 }],
    ['another client', { identityHeaders: [['user-agent', 'new']] as const }],
  ])('are not used again for %s', async (_name, change) => {
    await answered(ask());
    const again = ask();
    const closed = closings.next('upstream_websocket_closed');
    await answered({
      ...again,
      ...('credential' in change ? { credential: { ...again.credential, epoch: 2 } } : change),
    });
    expect((await closed)['reason']).toBe('outdated');
    expect(sockets.counts().open).toBe(1);
  });

  it('serve one turn each: a second one at the same time has its own, which stays', async () => {
    anna.answers({ behaviour: 'F8', at: 'created' });
    const running = await call(ask());
    const second = await answered(ask());
    expect(sockets.holds('one', second.id)).toBe(true);
    running.cancel();
    expect(sockets.counts()).toMatchObject({ open: 1, idle: 1 });
    expect(sandbox.violations).toEqual([]);
  });

  it('end after their idle time, and not while a turn runs', async () => {
    await answered(ask());
    clock.advance(idleMs - 1);
    expect(sockets.counts().open).toBe(1);
    clock.advance(1);
    expect(sockets.counts().open).toBe(0);
  });

  it('go before the provider ends them, between turns', async () => {
    anna.answers({ behaviour: 'F8', at: 'created' });
    const running = await call(ask());
    await answered({ ...ask(), owner: 'two' });
    clock.advance(lifeMs);
    expect(sockets.counts().open).toBe(1);
    running.cancel();
    expect(sockets.counts().open).toBe(0);
  });

  it('of an account that is released end, those in use after their turn', async () => {
    anna.answers({ behaviour: 'F8', at: 'created' });
    const running = await call(ask());
    await answered({ ...ask(), owner: 'two' });
    sockets.release('ben');
    expect(sockets.counts()).toMatchObject({ open: 2, idle: 1 });
    sockets.release('anna');
    expect(sockets.counts()).toMatchObject({ open: 1, idle: 0 });
    running.cancel();
    expect(sockets.counts().open).toBe(0);
  });

  it('are asked after a sleep whether they live, and end when they do not say so at once', async () => {
    anna.answers({ behaviour: 'W6', kind: 'ignored_pings' });
    await answered(ask());
    await answered({ ...ask(), owner: 'two' });
    const closed = closings.next('upstream_websocket_closed');
    sockets.revalidate();
    // The living one has said so when the provider answers it once more.
    await answered({ ...ask(), owner: 'two' });
    clock.advance(5_000);
    expect((await closed)['reason']).toBe('upstream_websocket_pong_deadline');
    expect(sockets.counts().open).toBe(1);
  });

  it('are all ended at the stop', async () => {
    await answered(ask());
    await answered({ ...ask(), owner: 'two' });
    sockets.stop();
    expect(sockets.counts()).toMatchObject({ open: 0, idle: 0 });
  });
});

function ask(changes: Record<string, unknown> = {}): SocketAsk {
  return {
    owner: 'one',
    account: accountFacts('anna', { chatgptAccountId: anna.id }),
    credential: { accessToken: token, epoch: 1 },
    url: `${sandbox.url}/backend-api/codex/responses`,
    body: Buffer.from(JSON.stringify({ ...plain, ...changes })),
    identityHeaders: [],
    turnState: null,
    signal: new AbortController().signal,
  };
}

const plain = { model: 'gpt-5.5', stream: true, store: false, input: [], tools: [] };

function bodyOfFrameLength(length: number, changes: Record<string, unknown> = {}): Buffer {
  const around = JSON.stringify({ type: 'response.create', ...plain, ...changes, instructions: '' }).length;
  return Buffer.from(JSON.stringify({ ...plain, ...changes, instructions: 'x'.repeat(length - around) }));
}

async function call(asked: SocketAsk): Promise<HttpAnswer> {
  const answer = await sockets.call(asked);
  if (!answer) throw new Error('the turn was sent over HTTP');
  return answer;
}

async function answered(asked: SocketAsk) {
  const { status, headers, ...rest } = await call(asked);
  const text = await textOf(rest);
  const events = text.split('\n\n').flatMap((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    return data === undefined ? [] : [JSON.parse(data) as Record<string, unknown>];
  });
  const last = events.at(-1) ?? {};
  const id = (last['response'] as { id?: string } | undefined)?.id ?? '';
  return { status, headers, text, types: typesIn(text), last, id };
}

function typesIn(text: string): string[] {
  return [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type ?? '');
}

async function textOf({ body }: Pick<HttpAnswer, 'body'>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return String(Buffer.concat(chunks));
}

const kinds = () => sandbox.requests.map(({ kind, socket }) => `${kind} ${socket}`);

/** A provider that takes no message of a thousand bytes. */
function answerOrClose(listener: WebsocketListener, message: Buffer): void {
  if (message.length >= 1_000) return listener.closed(1009);
  listener.text(Buffer.from('{"type":"response.completed","response":{"id":"r1"}}'));
}

function deafWire(send: (message: Buffer) => void): Websocket {
  const nothing = () => undefined;
  return { headers: new Map(), send, ping: nothing, pause: nothing, resume: nothing, close: nothing, destroy: nothing };
}

interface Watched {
  readonly log: Log;
  /** The facts of the next line of this event. */
  next(event: string): Promise<LogFacts>;
}

function createWatched(): Watched {
  let waiting: { event: string; resolve: (facts: LogFacts) => void }[] = [];
  const write = (event: string, facts: LogFacts = {}) => {
    const told = waiting.filter((each) => each.event === event);
    waiting = waiting.filter((each) => !told.includes(each));
    for (const { resolve } of told) resolve(facts);
  };
  return {
    log: { debug: write, info: write, warn: write, error: write },
    next: (event) => new Promise((resolve) => waiting.push({ event, resolve })),
  };
}
