import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountFacts } from '../../test/support/account-facts.ts';
import { idleMs, textOf, typesIn, upstreamBench, type UpstreamBench } from '../../test/support/upstream-bench.ts';
import { NetworkFault, type HttpAnswer } from '../world/world.ts';
import { lifeMs } from './codex-socket.ts';

let bench: UpstreamBench;
beforeEach(async () => {
  bench = await upstreamBench();
});
afterEach(() => bench.stop());

describe('a turn', () => {
  it('looks like the answer to an HTTP request, one block per frame', async () => {
    const read = await bench.answered(bench.ask());
    expect(read.status).toBe(200);
    expect(read.headers.get('content-type')).toBe('text/event-stream');
    expect(read.headers.get('x-codex-primary-used-percent')).toBeDefined();
    expect(read.types.slice(0, 3)).toEqual(['codex.rate_limits', 'response.metadata', 'response.created']);
    expect(read.types.at(-1)).toBe('response.completed');
    expect(read.text.startsWith('event: codex.rate_limits\ndata: {"type":"codex.rate_limits"')).toBe(true);
    expect(read.text.endsWith('}\n\n')).toBe(true);
  });

  it('finds the socket of the turn before, and goes on from its answer there', async () => {
    const first = await bench.answered(bench.ask());
    expect(bench.sockets.holds('one', first.id)).toBe(true);
    expect(bench.sockets.holds('other', first.id)).toBe(false);
    expect(bench.sockets.holds('one', 'resp_nobodys')).toBe(false);
    const second = await bench.answered(bench.ask({ previous_response_id: first.id }));
    expect(second.types.at(-1)).toBe('response.completed');
    // What the handshake said of limits is old by now.
    expect(second.headers.has('x-codex-primary-used-percent')).toBe(false);
    expect(bench.kinds()).toEqual(['handshake 1', 'frame 1', 'frame 1']);
    expect(bench.sandbox.violations).toEqual([]);
  });

  it('says what the client wrote, byte for byte, behind the word that makes it a frame', async () => {
    const body = Buffer.from(
      '{ "model":"gpt-5.5", "stream":true,"store":false,"input":[],"tools":[], "n":1.0,"text":{"x":"\\u00e4"}}',
    );
    await bench.answered({ ...bench.ask(), body });
    const frame = bench.sandbox.requests.find(({ kind }) => kind === 'frame');
    expect(String(frame?.body)).toBe(String(body).replace('{', '{"type":"response.create",'));
  });

  it('opens a socket with the identity of its client and the credentials of its account', async () => {
    await bench.answered({
      ...bench.ask(),
      identityHeaders: [
        ['originator', 'codex_exec'],
        ['accept', 'text/event-stream'],
        ['openai-beta', 'other'],
        ['thread-id', 't'],
      ],
    });
    const [handshake] = bench.sandbox.requests;
    expect(handshake?.header('originator')).toBe('codex_exec');
    expect(handshake?.header('thread-id')).toBe('t');
    expect(handshake?.header('openai-beta')).toBe('responses_websockets=2026-02-06');
    expect(handshake?.header('chatgpt-account-id')).toBe(bench.anna.id);
    for (const name of ['accept', 'content-type', 'sec-websocket-extensions', 'sec-websocket-protocol'])
      expect(handshake?.header(name), name).toBeUndefined();
  });

  it.each(['fragmented', 'ping', 'junk', 'compressed'] as const)('is whole over odd frames: %s', async (kind) => {
    bench.anna.answers({ behaviour: 'W6', kind });
    const read = await bench.answered(bench.ask());
    expect(read.types.at(-1)).toBe('response.completed');
    expect(read.text).not.toContain('this is not JSON');
  });

  it('may bring a message of 18 MiB', async () => {
    bench.anna.answers({ behaviour: 'W6', kind: 'big' });
    const read = await bench.answered(bench.ask());
    expect(read.text.length).toBeGreaterThan(18 * 2 ** 20);
    expect(read.types.at(-1)).toBe('response.completed');
  });

  it('waits for a slow reader and loses nothing', async () => {
    bench.anna.answers({ behaviour: 'N12', deltas: 400, bytes: 4_000 });
    const answer = await bench.call(bench.ask());
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

describe('a turn that is given up', () => {
  it('ends its socket, so that the provider stops', async () => {
    bench.anna.answers({ behaviour: 'F8', at: 'created' });
    const ended = bench.sandbox.nextStreamEnd();
    const answer = await bench.call(bench.ask());
    answer.cancel();
    answer.cancel();
    expect((await ended).outcome).toBe('left');
    await expect(textOf(answer)).rejects.toBeInstanceOf(NetworkFault);
    expect(bench.sockets.counts().open).toBe(0);
  });

  it('by its signal, before an answer or in it, is nobody’s fault', async () => {
    for (const at of ['headers', 'created'] as const) {
      bench.anna.answers({ behaviour: 'F8', at });
      const left = new AbortController();
      const arrived = bench.sandbox.nextRequest({ kind: 'frame' });
      const reading = bench.sockets
        .call({ ...bench.ask(), signal: left.signal })
        .then((answer) => textOf(answer as HttpAnswer));
      await arrived;
      left.abort(new Error('left'));
      await expect(reading).rejects.toMatchObject({ kind: 'aborted' });
    }
  });
});

describe('a turn whose client left before it was asked', () => {
  it('is not asked, on a new socket or one that is kept', async () => {
    for (const isKept of [false, true]) {
      const before = bench.kinds().length;
      const late = { ...bench.ask(), signal: AbortSignal.abort(new Error('left')) };
      await expect(bench.sockets.call(late)).rejects.toMatchObject({ kind: 'aborted' });
      expect(bench.kinds()).toHaveLength(before);
      if (!isKept) await bench.answered(bench.ask());
    }
  });
});

describe('sockets', () => {
  it('are kept per conversation and account', async () => {
    const ben = bench.sandbox.account('ben');
    const ofBen = {
      account: accountFacts('ben', { chatgptAccountId: ben.id }),
      credential: { accessToken: ben.signIn().accessToken, epoch: 1 },
    };
    await bench.answered(bench.ask());
    await bench.answered({ ...bench.ask(), owner: 'two' });
    await bench.answered({ ...bench.ask(), ...ofBen });
    await bench.answered(bench.ask());
    expect(bench.sockets.counts()).toEqual({
      open: 3,
      idle: 3,
      byAccount: new Map([
        ['anna', 2],
        ['ben', 1],
      ]),
    });
    expect(bench.kinds().filter((kind) => kind.startsWith('handshake'))).toHaveLength(3);
  });

  it.each([
    ['another credential', { credential: 2 }],
    ['another client', { identityHeaders: [['user-agent', 'new']] as const }],
  ])('are not used again for %s', async (_name, change) => {
    await bench.answered(bench.ask());
    const again = bench.ask();
    const closed = bench.nextLine('upstream_websocket_closed');
    await bench.answered({
      ...again,
      ...('credential' in change ? { credential: { ...again.credential, epoch: 2 } } : change),
    });
    expect((await closed)['reason']).toBe('outdated');
    expect(bench.sockets.counts().open).toBe(1);
  });

  it('serve one turn each: a second one at the same time has its own, which stays', async () => {
    bench.anna.answers({ behaviour: 'F8', at: 'created' });
    const running = await bench.call(bench.ask());
    const second = await bench.answered(bench.ask());
    expect(bench.sockets.holds('one', second.id)).toBe(true);
    running.cancel();
    expect(bench.sockets.counts()).toMatchObject({ open: 1, idle: 1 });
    expect(bench.sandbox.violations).toEqual([]);
  });

  it('end after their idle time, and not while a turn runs', async () => {
    await bench.answered(bench.ask());
    bench.clock.advance(idleMs - 1);
    expect(bench.sockets.counts().open).toBe(1);
    bench.clock.advance(1);
    expect(bench.sockets.counts().open).toBe(0);
  });

  it('go before the provider ends them, between turns', async () => {
    bench.anna.answers({ behaviour: 'F8', at: 'created' });
    const running = await bench.call(bench.ask());
    await bench.answered({ ...bench.ask(), owner: 'two' });
    bench.clock.advance(lifeMs);
    expect(bench.sockets.counts().open).toBe(1);
    running.cancel();
    expect(bench.sockets.counts().open).toBe(0);
  });

  it('of an account that is released end, those in use after their turn', async () => {
    bench.anna.answers({ behaviour: 'F8', at: 'created' });
    const running = await bench.call(bench.ask());
    await bench.answered({ ...bench.ask(), owner: 'two' });
    bench.sockets.release('ben');
    expect(bench.sockets.counts()).toMatchObject({ open: 2, idle: 1 });
    bench.sockets.release('anna');
    expect(bench.sockets.counts()).toMatchObject({ open: 1, idle: 0 });
    running.cancel();
    expect(bench.sockets.counts().open).toBe(0);
  });

  it('of an account that is released while one is being opened end with the turn that opens it', async () => {
    const answering = bench.answered(bench.ask());
    bench.sockets.release('anna');
    expect((await answering).types.at(-1)).toBe('response.completed');
    expect(bench.sockets.counts().open).toBe(0);
  });

  it('are asked after a sleep whether they live, and end when they do not say so at once', async () => {
    bench.anna.answers({ behaviour: 'W6', kind: 'ignored_pings' });
    await bench.answered(bench.ask());
    await bench.answered({ ...bench.ask(), owner: 'two' });
    const closed = bench.nextLine('upstream_websocket_closed');
    bench.sockets.revalidate();
    // The living one has said so when the provider answers it once more.
    await bench.answered({ ...bench.ask(), owner: 'two' });
    bench.clock.advance(5_000);
    expect((await closed)['reason']).toBe('upstream_websocket_pong_deadline');
    expect(bench.sockets.counts().open).toBe(1);
  });

  it('are all ended at the stop', async () => {
    await bench.answered(bench.ask());
    await bench.answered({ ...bench.ask(), owner: 'two' });
    bench.sockets.stop();
    expect(bench.sockets.counts()).toMatchObject({ open: 0, idle: 0 });
  });
});
