/** Errors over the websocket of `/v1/responses`: what they look like, and that the socket goes on. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { limits } from '../../server/contract/limits.ts';
import { gatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsAfterAll, newRow, requestIds, soundBooks } from '../support/ledger.ts';
import { completed, publicPath, publicTurn } from '../support/public-turns.ts';
import { socketBench, type SocketBench } from '../support/socket-bench.ts';
import { openSocket, type Frame } from '../support/socket-client.ts';

let bench: SocketBench;
beforeAll(async () => {
  bench = await socketBench();
});
afterAll(() => bench.stop());
afterEach(() => bench.rest());

const inference = () => bench.gateway.sandbox.requests.filter((each) => each.path.endsWith('/responses'));

describe('an error', () => {
  const errorOf = (frames: readonly Frame[]) => frames.at(-1);

  it.each<[string, string | Buffer, object]>([
    ['text that is no JSON', 'hello', { code: 'invalid_request' }],
    ['a list', '[1]', { code: 'invalid_request' }],
    ['an object without a type', '{"model":"gpt-5.5","input":"hi"}', { param: 'type' }],
    ['another type', '{"type":"session.update","stream_id":"s"}', { param: 'type' }],
    ['a stream of no name', '{"type":"response.create","stream_id":"a b"}', { param: 'stream_id' }],
    [
      'a stream of too long a name',
      `{"type":"response.create","stream_id":"${'x'.repeat(257)}"}`,
      { param: 'stream_id' },
    ],
    [
      'an unknown field',
      '{"type":"response.create","model":"gpt-5.5","input":"hi","frobnicate":1}',
      { code: 'unsupported_parameter', param: 'frobnicate' },
    ],
    ['no model', '{"type":"response.create","input":"hi"}', { code: 'missing_required_parameter', param: 'model' }],
    [
      'no input',
      '{"type":"response.create","model":"gpt-5.5","input":[]}',
      { code: 'invalid_request', param: 'input' },
    ],
    [
      'an id that is none',
      '{"type":"response.create","model":"gpt-5.5","input":"hi","previous_response_id":7}',
      { param: 'previous_response_id' },
    ],
    [
      'an odd generate',
      '{"type":"response.create","model":"gpt-5.5","input":"hi","generate":"no"}',
      { param: 'generate' },
    ],
    [
      'background work',
      '{"type":"response.create","model":"gpt-5.5","input":"hi","background":true}',
      { param: 'background' },
    ],
    ['a warm-up of no model', '{"type":"response.create","input":[],"generate":false}', { param: 'model' }],
    [
      'too deep a nest',
      `{"type":"response.create","model":"gpt-5.5","input":${'['.repeat(200)}${']'.repeat(200)}}`,
      { code: 'invalid_request' },
    ],
  ])('is what %s gets, with a status, and the socket stays open', async (_name, frame, error) => {
    const { client } = await bench.withKey({ path: publicPath });
    client.send(frame);
    const told = await client.next();
    expect(told).toMatchObject({
      type: 'error',
      status: 400,
      error: { type: 'invalid_request_error', message: expect.any(String), ...error },
    });
    expect(Object.keys(told['error'] as object).toSorted()).toEqual(['code', 'message', 'param', 'type']);
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
  });

  it('names the stream it belongs to', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    client.send('{"type":"session.update","stream_id":"lane"}');
    expect(await client.next()).toMatchObject({ status: 400, stream_id: 'lane' });
    expect(errorOf(await publicTurn(client, { input: [], stream_id: 'lane' }))).toMatchObject({
      status: 400,
      stream_id: 'lane',
    });
  });

  it('of a policy, an unknown model or a limit has the status that HTTP has, and leaves its row', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    const limited = await bench.gateway.key({ name: 'one model', allowedModels: ['gpt-6.1-sol'] });
    const other = await bench.open(limited, { path: publicPath });
    const known = await requestIds(bench.gateway);
    expect(errorOf(await publicTurn(other))).toMatchObject({
      status: 403,
      error: { code: 'model_not_allowed', param: 'model' },
    });
    expect(await newRow(bench.gateway, known)).toMatchObject({
      status: 'rejected',
      responseStatus: 403,
      transport: 'websocket',
    });
    expect(errorOf(await publicTurn(other, { generate: false }))).toMatchObject({ status: 403 });
    expect(errorOf(await publicTurn(client, { model: 'no-such-model' }))).toMatchObject({
      status: 404,
      error: { code: 'model_not_found', param: 'model' },
    });
  });

  it('of a limit says when to ask again, and the same frame is served then', async () => {
    const { name, client } = await bench.withKey({ path: publicPath });
    await bench.gateway.call(limits.set, { key: name, unit: 'requests', window: 'minute', model: null, maximum: 1 });
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
    expect(errorOf(await publicTurn(client))).toMatchObject({
      status: 429,
      error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    });
    bench.gateway.clock.advance(61_000);
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
  });

  it('when every account has used up its limit is a 429 that says until when', async () => {
    const own = await gatewayUnderTest();
    (await own.link('anna')).fails(429, { resetsInSeconds: 600 });
    const client = await openSocket(own, await own.key(), { path: publicPath });
    expect(errorOf(await publicTurn(client))).toMatchObject({
      status: 429,
      error: { type: 'insufficient_quota', code: 'usage_limit_reached', resets_at: expect.any(Number) },
      headers: { 'x-should-retry': 'false' },
    });
    client.leave();
    await own.stop();
  });

  it.each<[string, object, number, object]>([
    [
      'a conversation that is too long',
      { behaviour: 'F5', kind: 'context_length_exceeded' },
      400,
      { code: 'context_length_exceeded' },
    ],
    ['a prompt that is refused', { behaviour: 'F5', kind: 'invalid_prompt' }, 400, { type: 'invalid_request_error' }],
    [
      'an answer that fails before it says anything',
      { behaviour: 'F6', code: 'invalid_prompt', deltas: 0 },
      400,
      { type: 'invalid_request_error' },
    ],
  ])('of the provider for %s has its status too', async (_name, behaviour, status, error) => {
    const { client } = await bench.withKey({ path: publicPath });
    bench.anna.answers(behaviour as never);
    const frames = await publicTurn(client, { stream_id: 's' });
    expect(frames).toMatchObject([{ type: 'error', status, error, stream_id: 's' }]);
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
  });
});

describe('an answer that is cut', () => {
  it('before it said anything is asked elsewhere, unseen', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    await bench.gateway.link('ben', { percentPerAnswer: 0 });
    const before = inference().length;
    bench.gateway.sandbox.answers({ behaviour: 'F9', at: 'created' });
    const frames = await publicTurn(client);
    await bench.gateway.call(accounts.remove, { account: 'ben' });
    expect(frames.map(({ type }) => type)).not.toContain('error');
    expect(frames.at(-1)).toMatchObject(completed);
    expect(
      new Set(
        inference()
          .slice(before)
          .map(({ account }) => account),
      ).size,
    ).toBe(2);
  });

  it('later ends its turn with an error, and not the socket', async () => {
    const { client } = await bench.withKey({ path: publicPath });
    const known = await requestIds(bench.gateway);
    bench.anna.dropsAfter(2);
    const frames = await publicTurn(client, { stream_id: 's' });
    expect(frames.at(-1)).toMatchObject({
      type: 'error',
      status: 502,
      code: 'stream_incomplete',
      error: { type: 'server_error', code: 'stream_incomplete', param: null },
      sequence_number: frames.length - 1,
      stream_id: 's',
    });
    expect(await newRow(bench.gateway, known)).toMatchObject({ status: 'failed', responseStatus: 200 });
    expect((await publicTurn(client)).at(-1)).toMatchObject(completed);
  });
});

it('leaves sound books, and no error that nobody foresaw', async () => {
  bench.rest();
  expect(bench.gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(await faultsAfterAll(bench.gateway)).toEqual(soundBooks);
});
