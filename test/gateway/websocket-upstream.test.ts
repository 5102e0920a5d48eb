/** Turns over a client's websocket that go to the provider over a websocket as well. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { typesOf, askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { frameTypes, idIn, ownSocket, turnOn } from '../support/own-socket.ts';
import { openSocket, type SocketClient } from '../support/socket-client.ts';
import { until } from '../support/until.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
let client: SocketClient;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(async (context) => {
  anna.forgetScript();
  client = await openSocket(gateway, key, { thread: context.task.id });
  return () => client.leave();
});

/** What the provider has seen since, in words like `frame anna 7`, the number being its socket's. */
function watch() {
  const before = gateway.sandbox.requests.length;
  const seen = () => gateway.sandbox.requests.slice(before).filter(({ path }) => path.endsWith('/responses'));
  return {
    seen,
    kinds: () => seen().map(({ kind, account }) => `${kind} ${account ?? '-'}`),
    sockets: () => new Set(seen().map(({ socket }) => socket)).size,
  };
}

const turn = (extra: Record<string, unknown> = {}, on = client) => turnOn(on, extra);

describe('a turn', () => {
  it('brings the provider’s own frames and its own id, and is recorded as a turn', async () => {
    const known = await requestIds(gateway);
    const provider = watch();
    const frames = await turn();
    const overHttp = typesOf(await (await askCodex(gateway, key)).text());
    const preamble = ['codex.rate_limits', 'response.metadata'];
    expect(frameTypes(frames).filter((type) => !preamble.includes(String(type)))).toEqual(overHttp);
    expect(idIn(frames)).toMatch(/^resp_/);
    expect(provider.kinds().slice(0, 2)).toEqual(['handshake anna', 'frame anna']);
    expect(await newRow(gateway, known)).toMatchObject({
      status: 'succeeded',
      transport: 'websocket',
      usageStatus: 'usage_known',
    });
  });

  it('goes on from the one before by its id, on the same socket', async () => {
    const provider = watch();
    const id = idIn(await turn());
    const frames = await turn({ previous_response_id: id });
    expect(frameTypes(frames).at(-1)).toBe('response.completed');
    expect(provider.kinds()).toEqual(['handshake anna', 'frame anna', 'frame anna']);
    expect(provider.sockets()).toBe(1);
    expect(provider.seen().at(-1)?.json()['previous_response_id']).toBe(id);
  });

  it('that goes on from what no socket holds is refused before anything is sent', async () => {
    const provider = watch();
    const [error] = await turn({ previous_response_id: 'resp_unheard_of' });
    expect(error).toMatchObject({ type: 'error', status: 400, error: { code: 'previous_response_not_found' } });
    expect(provider.kinds()).toEqual([]);
  });

  it('of another key cannot go on from it, although it names the same conversation', async ({ task }) => {
    const id = idIn(await turn());
    const other = await openSocket(gateway, await gateway.key(), { thread: task.id });
    expect(await turn({ previous_response_id: id }, other)).toMatchObject([
      { error: { code: 'previous_response_not_found' } },
    ]);
    other.leave();
  });

  it('takes its state back to the account that gave it, and no other state', async () => {
    const frames = await turn();
    const metadata = frames.find(({ type }) => type === 'response.metadata') as { headers: Record<string, string> };
    const state = metadata.headers['x-codex-turn-state'];
    const provider = watch();
    await turn({ client_metadata: { 'x-codex-turn-state': state } });
    await turn({ client_metadata: { a: '1', 'x-codex-turn-state': 'unheard-of' } });
    expect(provider.seen().map((each) => each.json()['client_metadata'])).toEqual([
      { 'x-codex-turn-state': state },
      { a: '1' },
    ]);
  });

  it('finds its socket again when the client comes back', async ({ task }) => {
    const provider = watch();
    await turn();
    client.leave();
    await client.closed;
    const again = await openSocket(gateway, key, { thread: task.id });
    expect(frameTypes(await turn({}, again)).at(-1)).toBe('response.completed');
    expect(provider.kinds()).toEqual(['handshake anna', 'frame anna', 'frame anna']);
    again.leave();
  });

  it('that its client leaves ends the socket, so that the provider stops, and is settled', async () => {
    const known = await requestIds(gateway);
    anna.answers({ behaviour: 'F8' });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    client.turn({ extra: { client_metadata: {} } });
    await client.until('response.created');
    client.leave();
    expect((await ended).outcome).toBe('left');
    expect(await newRow(gateway, known)).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' });
  });

  it.each([426, 404, 200])('is served over HTTP where the account takes no websocket (%i)', async (status) => {
    const own = await ownSocket(`plain-${status}`);
    own.account.answers({ behaviour: 'W1', status });
    for (let count = 0; count < 2; count += 1) {
      const frames = await turn({}, own.client);
      expect(frameTypes(frames).at(-1)).toBe('response.completed');
      expect(idIn(frames)).toBe('');
    }
    expect(
      own.gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).map(({ kind }) => kind),
    ).toEqual(['handshake', 'http', 'http']);
    await own.stop();
  });
});

describe('a long turn', () => {
  const limit = 16 * 2 ** 20;

  it.each([
    [limit - 1, 'frame anna'],
    [limit, 'http anna'],
    [limit + 1, 'http anna'],
  ])('of %i bytes is answered, by way of a %s', async (length, kind) => {
    const provider = watch();
    const body = { model: 'gpt-5.5', stream: true, store: false, input: [], tools: [], instructions: '' };
    const around = JSON.stringify({ type: 'response.create', ...body }).length;
    const instructions = 'x'.repeat(length - around);
    client.send(JSON.stringify({ type: 'response.create', ...body, instructions }));
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
    expect(provider.kinds().at(-1)).toBe(kind);
  });
});

describe('a socket to the provider', () => {
  it('that died between turns is replaced unseen, once the whole conversation is sent', async () => {
    anna.answers({ behaviour: 'W2', at: 'after_turn', how: 1012 });
    const closed = nextLine('upstream_websocket_closed');
    const id = idIn(await turn());
    await closed;
    expect(await turn({ previous_response_id: id })).toMatchObject([
      { error: { code: 'previous_response_not_found' } },
    ]);
    expect(frameTypes(await turn()).at(-1)).toBe('response.completed');
  });

  it('that dies before the first byte of a turn is replaced unseen', async () => {
    await turn();
    const known = await requestIds(gateway);
    const provider = watch();
    anna.answers({ behaviour: 'F9', at: 'headers' });
    expect(frameTypes(await turn()).at(-1)).toBe('response.completed');
    expect(provider.kinds()).toEqual(['frame anna', 'handshake anna', 'frame anna']);
    expect(await newRow(gateway, known)).toMatchObject({ status: 'succeeded', attemptCount: 1 });
  });

  it('that dies after words were shown ends the turn with a frame, settles it, and the next turn works', async () => {
    const known = await requestIds(gateway);
    anna.answers({ behaviour: 'W2', at: 'mid_answer', how: 'reset' });
    const frames = await turn();
    expect(frameTypes(frames)).toContain('response.output_text.delta');
    expect(frames.at(-1)).toMatchObject({ type: 'error', status: 502, error: { code: 'upstream_stream_error' } });
    expect(await newRow(gateway, known)).toMatchObject({ status: 'failed', errorCode: 'upstream_stream_error' });
    expect(frameTypes(await turn()).at(-1)).toBe('response.completed');
  });

  it('that answers no ping fails the turn it is in, which is settled with the reason', async () => {
    const own = await ownSocket('silent');
    own.account.answers({ behaviour: 'W6', kind: 'ignored_pings' }).answers({ behaviour: 'F8' });
    const known = await requestIds(own.gateway);
    own.client.turn();
    await own.client.until('response.created');
    own.gateway.clock.advance(25_000);
    own.gateway.clock.advance(25_000);
    const frames = await own.client.answer();
    expect(frames.at(-1)).toMatchObject({ type: 'error', status: 502 });
    expect(await newRow(own.gateway, known)).toMatchObject({
      status: 'failed',
      errorCode: 'upstream_websocket_pong_deadline',
    });
    await own.stop();
  });

  it('is left before the provider ends it, between turns', async () => {
    const own = await ownSocket('old');
    await turn({}, own.client);
    own.gateway.clock.advance(55 * 60_000);
    expect(own.account.counters.requests).toBe(1);
    const again = await openSocket(own.gateway, own.key);
    expect(frameTypes(await turn({}, again)).at(-1)).toBe('response.completed');
    expect(own.gateway.sandbox.requests.filter(({ kind }) => kind === 'handshake')).toHaveLength(2);
    again.leave();
    await own.stop();
  });

  it('is ended when the gateway stops', async () => {
    const own = await ownSocket('stops');
    await turn({}, own.client);
    expect(own.account.counters.openSockets).toBe(1);
    await own.gateway.app.stop();
    await until(() => own.account.counters.openSockets === 0);
    await own.stop();
  });
});

it('leaves sound books', async () => {
  client.leave();
  expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(gateway.sandbox.violations).toEqual([]);
  expect(await faultsAfterAll(gateway)).toEqual(soundBooks);
});

/** The next line of this event from now on. */
function nextLine(event: string) {
  return gateway.logged(event, gateway.log.filter((line) => line.event === event).length + 1);
}
