/** Turns over the websocket of `/v1/responses`: what comes back, what is asked of the provider, and going on by id. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { askPublic } from '../support/ask-public.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { publicPath, publicTurn } from '../support/public-turns.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import type { Frame, SocketClient } from '../support/socket-client.ts';

let bench: SocketBench;
let secret: string;
let client: SocketClient;
beforeAll(async () => {
  bench = await socketBench();
  ({ secret } = await bench.key());
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const options = { path: publicPath, headers: { originator: 'someone' } };
const connect = async () => (client = await bench.open(secret, options));
const plain = { model: 'gpt-5.5', input: 'hi' };

const turn = (fields: object = {}) => publicTurn(client, fields);
interface Response {
  readonly id: string;
  readonly previous_response_id: string | null;
  readonly output: readonly Readonly<Record<string, unknown>>[];
}
const responseOf = (frames: readonly Frame[]) => frames.at(-1)?.['response'] as Response;
const inference = () => bench.gateway.sandbox.requests.filter(({ path }) => path.endsWith('/responses'));
const lastAsk = () => inference().at(-1)?.json() ?? {};
const bodies = () => inference().map(({ body }) => body.toString('utf8'));
const typesOf = (frames: readonly Frame[]) => frames.map(({ type }) => type);
const notFound = {
  type: 'error',
  status: 400,
  error: { type: 'invalid_request_error', code: 'previous_response_not_found', param: 'previous_response_id' },
};

/** What differs between two answers to the same question: ids, and when they were given. */
const comparable = (event: unknown) =>
  JSON.stringify(event)
    .replaceAll(/:"(?:resp|msg|rs|fc|call|ctc|ws)_\w+/g, ':"id')
    .replaceAll(/_at":\d+/g, '_at":0');

describe('a turn', () => {
  it('brings the events of a stream of the same request, one in each frame, and is recorded as a turn', async () => {
    await connect();
    const known = await requestIds(bench.gateway);
    const frames = await turn();
    expect(await newRow(bench.gateway, known)).toMatchObject({
      status: 'succeeded',
      transport: 'websocket',
      routeClass: 'proxy_websocket',
      endpoint: '/v1/responses',
      usageStatus: 'usage_known',
      responseStatus: 200,
    });
    const streamed = await askPublic(bench.gateway, {
      path: publicPath,
      key: secret,
      body: { ...plain, stream: true },
    });
    expect(frames.map(comparable)).toEqual(streamed.data().map((data) => comparable(JSON.parse(data))));
    expect(typesOf(frames)[0]).toBe('response.created');
    // Numbers begin anew with each turn.
    expect((await turn()).map((frame) => frame['sequence_number'])).toEqual(frames.map((_, index) => index));
    // What the provider is asked is the same as well.
    expect(new Set(bodies().slice(-3)).size).toBe(1);
    expect(inference().at(-1)?.header('originator')).toBe('codex_pooler');
  });

  it.each<[string, object]>([
    ['reasoning and many deltas', { behaviour: 'N3', deltas: 20 }],
    ['a function call', { behaviour: 'N4', name: 'look_up', arguments: '{"city":"Rome"}', text: 'It rains.' }],
    ['a custom tool call', { behaviour: 'N5', kind: 'apply_patch' }],
    ['hosted tools', { behaviour: 'N6' }],
    ['no usage', { behaviour: 'N10', kind: 'usage_null' }],
    ['an incomplete end', { behaviour: 'F7', reason: 'max_output_tokens' }],
    ['a late failure', { behaviour: 'F6', code: 'server_error', deltas: 3 }],
  ])('of %s says what the stream of the same request says', async (_name, behaviour) => {
    await connect();
    bench.anna.answers(behaviour as never).thenAnswers(behaviour as never);
    const frames = await turn();
    const streamed = await askPublic(bench.gateway, {
      path: publicPath,
      key: secret,
      body: { ...plain, stream: true },
    });
    expect(frames.map(comparable)).toEqual(streamed.data().map((data) => comparable(JSON.parse(data))));
  });

  it('may say what has no weight here, and its stream is named in every frame of it', async () => {
    await connect();
    const frames = await turn({ stream: false, background: false, store: true, stream_id: 'lane-1.a_B' });
    expect(frames.length).toBeGreaterThan(3);
    expect(new Set(frames.map((frame) => frame['stream_id']))).toEqual(new Set(['lane-1.a_B']));
    expect(responseOf(frames)).toMatchObject({ status: 'completed' });
    expect(bodies().at(-1)).not.toContain('lane-1');
    expect((await turn({ stream: true }))[0]).not.toHaveProperty('stream_id');
  });
});

describe('going on from an answer', () => {
  const user = (text: string) => ({ type: 'message', role: 'user', content: text });

  it('asks the provider for what a client asks that sends everything, byte for byte', async () => {
    await connect();
    bench.anna.answers('one').thenAnswers('two').thenAnswers('three');
    const asked = { ...plain, instructions: 'be brief', include: ['reasoning.encrypted_content'] };
    const first = responseOf(await turn(asked));
    const second = responseOf(await turn({ ...asked, input: 'more', previous_response_id: first.id }));
    expect(second.previous_response_id).toBe(first.id);
    const input = [user('hi'), ...first.output, user('more')];
    await askPublic(bench.gateway, { path: publicPath, key: secret, body: { ...asked, input } });
    const [byId, whole] = bodies().slice(-2);
    expect(byId).toBe(whole);
    expect(bench.gateway.sandbox.violations).toEqual([]);
  });

  it('gives its sealed reasoning back to the provider, though the client was not shown it', async () => {
    await connect();
    bench.anna.answers({ behaviour: 'N3', deltas: 2 });
    const first = responseOf(await turn());
    const reasoning = first.output.find((item) => item['type'] === 'reasoning');
    expect(reasoning).toBeDefined();
    expect(reasoning).not.toHaveProperty('encrypted_content');
    await turn({ input: 'more', previous_response_id: first.id });
    const sent = lastAsk()['input'] as Readonly<Record<string, unknown>>[];
    expect(sent[1]).toMatchObject({ type: 'reasoning', id: reasoning?.['id'], encrypted_content: expect.any(String) });
    expect(bench.gateway.sandbox.violations).toEqual([]);
  });

  it('takes the output of a tool', async () => {
    await connect();
    bench.anna.answers({ behaviour: 'N4', name: 'look_up', arguments: '{}', text: 'It rains.' });
    const tools = [{ type: 'function', name: 'look_up', parameters: { type: 'object', properties: {} } }];
    const first = responseOf(await turn({ tools }));
    const call = first.output.find((item) => item['type'] === 'function_call');
    const output = { type: 'function_call_output', call_id: call?.['call_id'], output: 'rain' };
    const frames = await turn({ tools, input: [output], previous_response_id: first.id });
    expect(responseOf(frames)).toMatchObject({ status: 'completed' });
    const sent = lastAsk()['input'] as { type: string; call_id?: unknown }[];
    expect(sent.map(({ type }) => type)).toEqual(['message', 'function_call', 'function_call_output']);
    expect(new Set(sent.slice(1).map((item) => item.call_id)).size).toBe(1);
    expect(bench.gateway.sandbox.violations).toEqual([]);
  });

  it('works from any answer of the socket, with any input or none, as often as it is asked', async () => {
    await connect();
    const first = responseOf(await turn());
    const left = responseOf(await turn({ input: 'left', previous_response_id: first.id }));
    const right = responseOf(await turn({ input: [user('right')], previous_response_id: first.id }));
    await turn({ input: undefined, previous_response_id: left.id });
    const inputs = () =>
      (lastAsk()['input'] as { content: { text: string }[] }[]).map(({ content }) => content[0]?.text);
    expect(inputs()).toEqual(['hi', expect.any(String), 'left', expect.any(String)]);
    await turn({ input: [], previous_response_id: right.id });
    expect(inputs()).toEqual(['hi', expect.any(String), 'right', expect.any(String)]);
  });

  it('works from the id of a warm-up, which asks nobody and leaves no row', async () => {
    await connect();
    const known = await requestIds(bench.gateway);
    const before = inference().length;
    const warm = await turn({ generate: false, input: [], stream_id: 'w' });
    expect(typesOf(warm)).toEqual(['response.created', 'response.completed']);
    expect(warm[1]).toMatchObject({
      stream_id: 'w',
      response: { id: expect.stringMatching(/^resp_/), status: 'completed', output: [], usage: { total_tokens: 0 } },
    });
    expect(inference()).toHaveLength(before);
    const prefix = [{ type: 'message', role: 'developer', content: 'be brief' }];
    const longer = responseOf(
      await turn({ generate: false, input: prefix, previous_response_id: responseOf(warm).id }),
    );
    expect(await requestIds(bench.gateway)).toEqual(known);
    await turn({ previous_response_id: longer.id });
    expect(lastAsk()).toMatchObject({ instructions: 'be brief', input: [{ role: 'user' }] });
  });

  it('is refused for what this very socket does not know, and the socket goes on', async () => {
    await connect();
    const first = responseOf(await turn());
    const before = inference().length;
    await connect();
    expect(await turn({ previous_response_id: first.id, stream_id: 's' })).toMatchObject([
      { ...notFound, stream_id: 's' },
    ]);
    expect(await turn({ previous_response_id: 'resp_unheard_of' })).toMatchObject([notFound]);
    expect(inference()).toHaveLength(before);
    expect(typesOf(await turn()).at(-1)).toBe('response.completed');
  });

  it.each<[string, object]>([
    ['the provider refused', { behaviour: 'F5', kind: 'no_tool_output' }],
    ['failed late', { behaviour: 'F6', code: 'server_error', deltas: 2 }],
    ['was cut', { behaviour: 'F9', at: 'deltas', deltas: 2 }],
  ])('that %s forgets the answer it went on from', async (_name, behaviour) => {
    await connect();
    const first = responseOf(await turn());
    bench.anna.answers(behaviour as never);
    const failed = (await turn({ previous_response_id: first.id })).at(-1);
    expect(['error', 'response.failed']).toContain(failed?.['type']);
    expect(await turn({ previous_response_id: first.id })).toMatchObject([notFound]);
    expect(typesOf(await turn()).at(-1)).toBe('response.completed');
  });

  it('is told of what is wrong with an item by its place in the frame', async () => {
    await connect();
    const first = responseOf(await turn({ input: [user('hi'), user('there')] }));
    const input = [user('more'), { type: 'message', role: 'nobody', content: 'x' }];
    expect(await turn({ input, previous_response_id: first.id })).toMatchObject([
      { status: 400, error: { param: 'input[1].role', message: expect.stringContaining("'input[1].role'") } },
    ]);
  });

  it('goes on after a compaction without asking for another', async () => {
    await connect();
    const first = responseOf(await turn({ input: [user('hi'), { type: 'compaction_trigger' }] }));
    expect(first.output.map((item) => item['type'])).toEqual(['compaction']);
    const frames = await turn({ input: 'more', previous_response_id: first.id });
    expect(typesOf(frames).at(-1)).toBe('response.completed');
    const sent = lastAsk()['input'] as { type: string }[];
    expect(sent.map(({ type }) => type)).toEqual(['message', 'compaction', 'message']);
    expect(bench.gateway.sandbox.violations).toEqual([]);
  });

  it('is refused where there was no room to remember the answer; the turn itself is served', async () => {
    await bench.gateway.change({ 'gateway.websocket_memory_bytes': 4_096 });
    await connect();
    const first = responseOf(await turn({ input: 'x'.repeat(1_024) }));
    expect(first).toMatchObject({ status: 'completed' });
    expect(await turn({ previous_response_id: first.id })).toMatchObject([notFound]);
    const short = responseOf(await turn());
    expect(typesOf(await turn({ previous_response_id: short.id })).at(-1)).toBe('response.completed');
    await bench.gateway.change({ 'gateway.websocket_memory_bytes': 256 * 2 ** 20 });
  });

  it('moves to another account unseen when its own has run out', async () => {
    const { gateway } = bench;
    await connect();
    const ben = await gateway.link('ben', { percentPerAnswer: 0 });
    const first = responseOf(await turn({ prompt_cache_key: 'moving' }));
    const [own] = inference().slice(-1);
    const account = own?.account === 'ben' ? ben : bench.anna;
    account.fails(429, { resetsInSeconds: 600 });
    const frames = await turn({ input: 'more', previous_response_id: first.id, prompt_cache_key: 'moving' });
    expect(typesOf(frames).at(-1)).toBe('response.completed');
    expect(inference().at(-1)?.account).not.toBe(own?.account);
    expect(gateway.sandbox.violations).toEqual([]);
  });
});

it('leaves books that add up', async () => {
  // The last turn is settled behind its last frame.
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
