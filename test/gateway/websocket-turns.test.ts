/**
 * Turns over a client's websocket that go to the provider over HTTP: what is asked of the provider, what comes back, and
 * what is recorded. `websocket-upstream.test.ts` has those that go over websockets.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codexBody, typesOf, askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { openSocket, type Frame, type SocketClient } from '../support/socket-client.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
let client: SocketClient;

beforeAll(async () => {
  gateway = await gatewayUnderTest({ settings: { 'gateway.upstream_websockets_enabled': false } });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(async () => {
  anna.forgetScript();
  client = await openSocket(gateway, key);
  return () => client.leave();
});

const frameTypes = (frames: readonly Frame[]) => frames.map(({ type }) => type);
const inference = () => gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses'));
const rowCount = async () => (await requestIds(gateway)).size;

describe('a turn', () => {
  it('brings the events that HTTP would, one in each frame, and is recorded as a turn of a websocket', async () => {
    const known = await requestIds(gateway);
    client.turn({ text: 'say hello' });
    const frames = await client.answer();
    const overHttp = typesOf(await (await askCodex(gateway, key)).text());
    // What HTTP says in headers comes first.
    expect(frameTypes(frames)).toEqual(['response.metadata', 'codex.rate_limits', ...overHttp]);
    expect(await newRow(gateway, known)).toMatchObject({
      status: 'succeeded',
      transport: 'websocket',
      routeClass: 'proxy_websocket',
      endpoint: '/backend-api/codex/responses',
      usageStatus: 'usage_known',
      responseStatus: 200,
      clientName: 'codex_exec/0.169.0',
    });
  });

  it('reaches the provider with the body of the frame, byte for byte behind its type', async () => {
    const before = inference().length;
    const text = client.turn({ text: 'Grüße 🚀' });
    await client.answer();
    const [asked] = inference().slice(before);
    expect(text).toBe(`{"type":"response.create",${asked!.body.toString('utf8').slice(1)}`);
    expect(asked?.header('accept')).toBe('text/event-stream');
    expect(asked?.header('openai-beta')).toBeUndefined();
  });

  it('reaches the client with the data of each event as it came, but for an id that nobody could go on from', async () => {
    const data = ['{ "type" : "response.created","response":{"id":"r1"}}', '{"type":"response.x", "y": "é"}'];
    const end = '{"type":"response.completed","response":{"usage":null, "id" : "r1","output":[]}}';
    anna.answers({ behaviour: 'recording', sse: [...data, end].map((each) => `data: ${each}\n\n`).join('') });
    client.turn();
    await client.answer();
    const received = client.received.map((each) => each.toString('utf8')).slice(2);
    expect(received).toEqual([...data, end.replace('"r1"', '""')]);
  });

  it('that ends in response.done ends in response.completed', async () => {
    anna.answers({ behaviour: 'N14' });
    client.turn();
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
  });

  it('whose answer is no stream brings it as the one event that completes a turn', async () => {
    const body = JSON.stringify({ id: 'r1', object: 'response', output: [] });
    anna.answers({ behaviour: 'raw', status: 200, headers: { 'content-type': 'application/json' }, body });
    client.turn();
    expect((await client.answer()).at(-1)).toEqual({
      type: 'response.completed',
      response: { id: '', object: 'response', output: [] },
    });
  });

  it.each(['oops', '[]', '"done"', ''])(
    'whose answer is no stream and no object either (%s) is told so',
    async (body) => {
      const known = await requestIds(gateway);
      anna.answers({ behaviour: 'raw', status: 200, headers: { 'content-type': 'application/json' }, body });
      client.turn();
      expect((await client.answer()).at(-1)).toMatchObject({
        type: 'error',
        status: 502,
        error: { code: 'upstream_stream_error' },
      });
      expect(await newRow(gateway, known)).toMatchObject({ status: 'failed', errorCode: 'upstream_stream_error' });
    },
  );

  it('shows its state before its events, and the next frame of the turn takes it back to its account', async () => {
    client.turn();
    const [first] = await client.answer();
    expect(first).toMatchObject({ type: 'response.metadata' });
    const { headers } = first as { headers: Record<string, string> };
    const state = headers['x-codex-turn-state'];
    const before = inference().length;
    client.turn({ extra: { client_metadata: { thread_id: 'thread-1', 'x-codex-turn-state': state } } });
    await client.answer();
    client.turn({ extra: { client_metadata: { thread_id: 'thread-1', 'x-codex-turn-state': 'unheard-of' } } });
    await client.answer();
    expect(
      inference()
        .slice(before)
        .map((each) => each.header('x-codex-turn-state')),
    ).toEqual([state, undefined]);
  });

  it('that has to move takes no state along, neither in a header nor in its body', async () => {
    const own = await gatewayUnderTest({ settings: { 'gateway.upstream_websockets_enabled': false } });
    const first = await own.link('first', { percentPerAnswer: 0 });
    const socket = await openSocket(own, await own.key());
    socket.turn();
    const [metadata] = (await socket.answer()) as { headers?: Record<string, string> }[];
    const state = metadata?.headers?.['x-codex-turn-state'];
    expect(state).toBeDefined();
    await own.link('second', { percentPerAnswer: 0 });
    first.fails(429, { resetsInSeconds: 600 });
    socket.turn({ extra: { client_metadata: { thread_id: 'thread-1', 'x-codex-turn-state': state, last: '1' } } });
    expect(frameTypes(await socket.answer()).at(-1)).toBe('response.completed');
    const asked = own.sandbox.requests.at(-1);
    expect(asked?.account).toBe('second');
    expect(asked?.json()['client_metadata']).toEqual({ thread_id: 'thread-1', last: '1' });
    expect(own.sandbox.violations).toEqual([]);
    socket.leave();
    await own.stop();
  });

  it('of a lite model says so to the provider', async () => {
    const before = inference().length;
    const lite = { type: 'additional_tools', role: 'developer', tools: [] };
    const body = JSON.stringify({
      ...(JSON.parse(codexBody({ model: 'gpt-6.1-sol', items: [lite] })) as object),
      tools: undefined,
      client_metadata: { ws_request_header_x_openai_internal_codex_responses_lite: 'true' },
    });
    client.turn({ body });
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
    expect(inference()[before]?.header('x-openai-internal-codex-responses-lite')).toBe('true');
  });

  it('that goes on from an answer is refused so that the client sends everything, before anything is asked', async () => {
    const before = inference().length;
    client.turn({ extra: { previous_response_id: 'resp_1' } });
    const [error] = await client.answer();
    expect(error).toMatchObject({ type: 'error', status: 400, error: { code: 'previous_response_not_found' } });
    client.turn();
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
    expect(inference().length - before).toBe(1);
  });
});

describe('a warm-up', () => {
  it('is answered with an empty id at once, asks nobody and leaves no row', async () => {
    const asked = inference().length;
    const before = await rowCount();
    client.turn({ extra: { generate: false, input: [] } });
    const frames = await client.answer();
    expect(frames).toMatchObject([
      { type: 'response.created', response: { id: '' } },
      { type: 'response.completed', response: { id: '' } },
    ]);
    expect(inference()).toHaveLength(asked);
    expect(await rowCount()).toBe(before);
  });
});

describe('frames of one socket', () => {
  it('are answered in their order: a tool result waits for the running turn', async () => {
    anna.answers({ behaviour: 'N4' }).thenAnswers({ behaviour: 'N1', text: 'second' });
    const output = { type: 'function_call_output', call_id: 'call_1', output: 'done' };
    client.turn({ text: 'first' });
    client.turn({ items: [output] });
    client.turn({ extra: { generate: false } });
    const first = await client.answer();
    const second = await client.answer();
    const third = await client.answer();
    expect(JSON.stringify(first)).toContain('function_call');
    expect(JSON.stringify(second)).toContain('second');
    expect(third.at(-1)).toMatchObject({ response: { id: '' } });
  });

  it.each([
    ['no JSON', '{"type":'],
    ['no object', '[1]'],
    ['of an unknown type', '{"type":"response.steer"}'],
    ['without a model', '{"type":"response.create"}'],
    ['that names its model twice', '{"type":"response.create","model":"a","model":"b"}'],
  ])('that are %s are refused, and the next is served', async (_name, text) => {
    client.send(text);
    expect(await client.next()).toMatchObject({ type: 'error', status: 400, error: { code: 'invalid_request' } });
    client.turn();
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
  });

  it('that say an answer was seen are taken without a word', async () => {
    client.send('{"type":"response.processed","response_id":"r1"}');
    client.turn({ extra: { generate: false } });
    expect(await client.next()).toMatchObject({ type: 'response.created' });
  });

  it('wait in a line that is bounded', async () => {
    anna.answers({ behaviour: 'F8', at: 'created' });
    const arrived = gateway.sandbox.nextRequest({ account: 'anna' });
    client.turn();
    await arrived;
    for (let waiting = 0; waiting < 33; waiting += 1) client.turn();
    const frames = await client.until('error');
    expect(frames.at(-1)).toMatchObject({ status: 503, error: { code: 'websocket_queue_full' } });
  });
});

describe('a failure', () => {
  it('before the answer began moves the turn to another account, unseen', async () => {
    const ben = await gateway.link('ben', { percentPerAnswer: 0 });
    for (const account of [anna, ben]) account.forgetScript();
    gateway.sandbox.answers({ behaviour: 'F4', kind: 'server_error' });
    const known = await requestIds(gateway);
    client.turn({ thread: 'moves' });
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
    expect(await newRow(gateway, known)).toMatchObject({ status: 'succeeded', attemptCount: 2 });
  });

  it('after words were shown ends the turn with a frame, settles it, and the next turn works', async () => {
    gateway.sandbox.answers({ behaviour: 'F9', at: 'deltas', deltas: 2, how: 'reset' });
    const known = await requestIds(gateway);
    client.turn();
    const frames = await client.answer();
    expect(frameTypes(frames)).toContain('response.output_text.delta');
    expect(frames.at(-1)).toMatchObject({ type: 'error', status: 502, error: { code: 'upstream_stream_error' } });
    expect(await newRow(gateway, known)).toMatchObject({ status: 'failed', errorCode: 'upstream_stream_error' });
    client.turn();
    expect(frameTypes(await client.answer()).at(-1)).toBe('response.completed');
  });

  it('that comes as an error event has its status at the top level', async () => {
    const events = [
      { type: 'response.output_item.added', item: {} },
      { type: 'error', code: 'server_error', message: 'no' },
    ];
    const sse = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
    gateway.sandbox.answers({ behaviour: 'recording', sse });
    client.turn();
    const frames = await client.answer();
    expect(frames.at(-1)).toEqual({ type: 'error', status: 502, error: { code: 'server_error', message: 'no' } });
    // The stream ends after it; that is not told a second time.
    client.turn({ extra: { generate: false } });
    expect(await client.next()).toMatchObject({ type: 'response.created' });
  });
});

it('leaves sound books', async () => {
  client.leave();
  expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(gateway.sandbox.violations).toEqual([]);
  expect(await faultsAfterAll(gateway)).toEqual(soundBooks);
});
