import { describe, expect, it } from 'vitest';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import type { HttpAnswer, Websocket, WebsocketListener } from '../world/world.ts';
import { lifeMs, openCodexSocket, pingMs, pongDeadline } from './codex-socket.ts';

const created = (id: string) => ({ type: 'response.created', response: { id } });
const completed = (id: string) => ({ type: 'response.completed', response: { id } });
const delta = (text: string) => ({ type: 'response.output_text.delta', delta: text });

describe('a socket that is pinged', () => {
  it('lives as long as each ping has its own pong', async () => {
    const { clock, wire, socket } = await opened();
    for (let beat = 1; beat <= 5; beat += 1) {
      clock.advance(pingMs);
      expect(wire.pings).toHaveLength(beat);
      wire.pong(wire.pings.at(-1));
    }
    expect(new Set(wire.pings).size).toBe(5);
    expect(socket.state).toBe('idle');
  });

  it.each([
    ['no pong', undefined],
    ['the pong of another ping', 'other'],
  ])('ends with %s in time, and so does its turn', async (_name, payload) => {
    const { clock, wire, socket, closings } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    wire.say(created('r1'));
    wire.say(delta('a'));
    const answer = await turn.answer;
    clock.advance(pingMs);
    if (payload !== undefined) wire.pong(payload);
    expect(socket.state).toBe('busy');
    clock.advance(pingMs);
    expect(socket.state).toBe('closed');
    await expect(textOf(answer)).rejects.toMatchObject({ kind: 'reset', systemCode: pongDeadline });
    expect(closings).toMatchObject([{ reason: pongDeadline }]);
    expect(wire.isDestroyed).toBe(true);
  });

  it('is not blamed for pongs while nothing is read, because its reader is slow', async () => {
    const { clock, wire, socket } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    wire.say(delta('x'.repeat(70_000)));
    const answer = await turn.answer;
    expect(wire.isPaused).toBe(true);
    for (let beat = 0; beat < 4; beat += 1) clock.advance(pingMs);
    expect(socket.state).toBe('busy');
    await answer.body[Symbol.asyncIterator]().next();
    expect(wire.isPaused).toBe(false);
    clock.advance(pingMs);
    clock.advance(pingMs);
    expect(socket.state).toBe('closed');
  });

  it('is not blamed while what it was sent is still on its way, because pings wait behind it', async () => {
    const { clock, wire, socket } = await opened();
    void socket.ask(Buffer.from('{}'), new AbortController().signal).answer.catch(() => undefined);
    wire.unsentBytes = 1;
    for (let beat = 0; beat < 4; beat += 1) clock.advance(pingMs);
    expect(socket.state).toBe('busy');
    wire.unsentBytes = 0;
    clock.advance(pingMs);
    clock.advance(pingMs);
    expect(socket.state).toBe('closed');
  });

  it('is not blamed while a long message arrives, because pongs wait behind it; whole ones are no excuse', async () => {
    const { clock, wire, socket } = await opened();
    void socket.ask(Buffer.from('{}'), new AbortController().signal).answer.catch(() => undefined);
    for (let beat = 0; beat < 4; beat += 1) {
      wire.receivedBytes += 1_000_000;
      clock.advance(pingMs);
    }
    expect(socket.state).toBe('busy');
    for (let beat = 0; beat < 2; beat += 1) {
      wire.receivedBytes += 100;
      wire.say(delta('a'));
      clock.advance(pingMs);
    }
    expect(socket.state).toBe('closed');
  });

  it('is checked at once after a sleep', async () => {
    const { clock, wire, socket } = await opened();
    socket.check(5_000);
    wire.pong(wire.pings.at(-1));
    clock.advance(5_000);
    expect(socket.state).toBe('idle');
    socket.check(5_000);
    clock.advance(5_000);
    expect(socket.state).toBe('closed');
  });
});

describe('a socket that grows old', () => {
  it('goes at once while nobody uses it', async () => {
    const { clock, wire, socket, closings } = await opened();
    clock.advance(lifeMs - 1);
    expect(socket.state).toBe('idle');
    clock.advance(1);
    expect(socket.state).toBe('closed');
    expect(wire.closedWith).toBe(1000);
    expect(closings).toEqual([{ reason: 'rotated', ageMs: expect.closeTo(lifeMs, -3) as number }]);
  });

  it('finishes the turn it is in', async () => {
    const { clock, wire, socket } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    wire.say(created('r1'));
    clock.advance(lifeMs);
    wire.pong(wire.pings.at(-1));
    expect(socket.state).toBe('busy');
    wire.say(completed('r1'));
    expect(await textOf(await turn.answer)).toContain('response.completed');
    expect(socket.state).toBe('closed');
    expect(wire.closedWith).toBe(1000);
  });
});

describe('late frames of a turn that is over', () => {
  it('are dropped while nobody asks', async () => {
    const { wire, socket } = await opened();
    await answerOf(socket, wire, [created('r1'), completed('r1')]);
    wire.say(delta('late'));
    expect(await answerOf(socket, wire, [created('r2'), delta('own'), completed('r2')])).not.toContain('late');
  });

  it('are dropped at the beginning of the next turn', async () => {
    const { wire, socket } = await opened();
    await answerOf(socket, wire, [created('r1'), completed('r1')]);
    const text = await answerOf(socket, wire, [
      delta('late'),
      completed('r1'),
      created('r1'),
      { type: 'codex.rate_limits' },
      created('r2'),
      delta('own'),
      completed('r1'),
      completed('r2'),
    ]);
    expect(text).not.toContain('late');
    expect(text).not.toContain('r1');
    expect(text).toContain('own');
    expect(text).toContain('codex.rate_limits');
    expect(socket.state).toBe('idle');
  });

  it('do not make it seem begun', async () => {
    const { wire, socket } = await opened();
    await answerOf(socket, wire, [created('r1'), completed('r1')]);
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    wire.say(delta('late'));
    expect(turn.hasBegun).toBe(false);
    wire.close(1006);
    await expect(turn.answer).rejects.toMatchObject({ systemCode: 'websocket_closed_1006' });
  });

  it('are dropped after further turns as well', async () => {
    const { wire, socket } = await opened();
    await answerOf(socket, wire, [created('r1'), completed('r1')]);
    await answerOf(socket, wire, [created('r2'), completed('r2')]);
    const text = await answerOf(socket, wire, [completed('r1'), created('r3'), delta('own'), completed('r3')]);
    expect(text).not.toContain('r1');
    expect(text).toContain('own');
  });

  it('cannot be told apart where answers are not named at their beginning, and nothing is lost then', async () => {
    const { wire, socket } = await opened();
    await answerOf(socket, wire, [delta('one'), completed('r1')]);
    expect(await answerOf(socket, wire, [delta('two'), completed('r2')])).toContain('two');
  });
});

describe('an answer', () => {
  it('is not yet one while only bookkeeping came, for a moment', async () => {
    const { clock, wire, socket } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    let isOpen = false;
    void turn.answer.then(() => (isOpen = true));
    wire.say({ type: 'codex.rate_limits' });
    wire.say({ type: 'response.metadata', headers: { 'X-Models-Etag': 'e', 'x-codex-turn-state': 's', n: 1 } });
    await settled();
    expect(isOpen).toBe(false);
    clock.advance(2_000);
    const { headers } = await turn.answer;
    expect(headers.get('x-models-etag')).toBe('e');
    // Its own way: as an event, which a client of a websocket reads.
    expect(headers.has('x-codex-turn-state')).toBe(false);
  });

  it('that is refused behind bookkeeping is a refusal, and the socket is not used again', async () => {
    const { wire, socket } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    wire.say({ type: 'codex.rate_limits' });
    wire.say({ type: 'error', status: 429, error: { type: 'usage_limit_reached', resets_at: 1 } });
    const answer = await turn.answer;
    expect(answer.status).toBe(429);
    expect(await textOf(answer)).toBe('{"error":{"type":"usage_limit_reached","resets_at":1}}');
    expect(socket.state).toBe('closed');
  });

  it('that a socket’s time limit keeps from beginning has not begun', async () => {
    const { wire, socket } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    wire.say({ type: 'error', status: 400, error: { code: 'websocket_connection_limit_reached' } });
    await expect(turn.answer).rejects.toMatchObject({ kind: 'reset' });
    expect(turn.hasBegun).toBe(false);
  });

  it('is over with its last event, whatever happens to the connection then', async () => {
    const { wire, socket } = await opened();
    const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
    for (const frame of [created('r1'), completed('r1')]) wire.say(frame);
    wire.close(1011);
    expect(await textOf(await turn.answer)).toContain('response.completed');
  });
});

it('a handshake that opens and closes in one breath led to nothing', async () => {
  const network = {
    async openWebsocket({ listener }: { listener: WebsocketListener }) {
      listener.closed(1006);
      return { kind: 'open' as const, socket: scriptedWire(listener).socket };
    },
  };
  const clock = createMovableClock(systemClock);
  const opening = openCodexSocket(
    { url: 'wss://provider.example', headers: [], signal: new AbortController().signal },
    { network, clock, onIdle: () => undefined, onClosed: () => undefined },
  );
  await expect(opening).rejects.toMatchObject({ kind: 'reset' });
});

/** Everything that is already decided has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function opened() {
  const clock = createMovableClock(systemClock);
  const closings: { reason: string; ageMs: number }[] = [];
  let wire: ReturnType<typeof scriptedWire> | null = null;
  const network = {
    async openWebsocket({ listener }: { listener: WebsocketListener }) {
      wire = scriptedWire(listener);
      return { kind: 'open' as const, socket: wire.socket };
    },
  };
  const opening = await openCodexSocket(
    { url: 'wss://provider.example', headers: [], signal: new AbortController().signal },
    { network, clock, onIdle: () => undefined, onClosed: (facts) => void closings.push(facts) },
  );
  if (opening.kind === 'refused' || !wire) throw new Error('the socket did not open');
  return { clock, closings, socket: opening.socket, wire: wire as ReturnType<typeof scriptedWire> };
}

/** The provider's end of a socket, made by hand. */
function scriptedWire(listener: WebsocketListener) {
  const wire = {
    pings: [] as string[],
    unsentBytes: 0,
    receivedBytes: 0,
    isPaused: false,
    isDestroyed: false,
    closedWith: null as number | null,
    say: (frame: unknown) => listener.text(Buffer.from(JSON.stringify(frame))),
    pong: (payload = '') => listener.pong(Buffer.from(payload)),
    close: (code: number) => listener.closed(code),
  };
  const socket: Websocket = {
    headers: new Map(),
    get unsentBytes() {
      return wire.unsentBytes;
    },
    get receivedBytes() {
      return wire.receivedBytes;
    },
    send: () => undefined,
    ping: (payload) => void wire.pings.push(String(payload)),
    pause: () => void (wire.isPaused = true),
    resume: () => void (wire.isPaused = false),
    close: (code) => void (wire.closedWith = code),
    destroy: () => void (wire.isDestroyed = true),
  };
  return Object.assign(wire, { socket });
}

type Opened = Awaited<ReturnType<typeof opened>>;

async function answerOf(socket: Opened['socket'], wire: Opened['wire'], frames: readonly unknown[]): Promise<string> {
  const turn = socket.ask(Buffer.from('{}'), new AbortController().signal);
  for (const frame of frames) wire.say(frame);
  return textOf(await turn.answer);
}

async function textOf({ body }: Pick<HttpAnswer, 'body'>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return String(Buffer.concat(chunks));
}
