/** Shortened conversations on the OpenAI surface: told as a compaction, or as something that could not be had. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askPublic, type Loose } from '../support/ask-public.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
let settled = 0;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5'] });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => anna.forgetScript());

const said = { role: 'user', content: 'hi' };
const turn = { model: 'gpt-5.5', input: [said, { type: 'compaction_trigger' }] };

/** The answer, and what the records say of its request. */
async function ask(body: unknown, path = '/v1/responses') {
  const answer = await askPublic(gateway, { path, key, body });
  settled += 1;
  await gateway.settled(settled);
  const { rows } = await gateway.database.pool.query<Record<string, unknown>>(
    'select endpoint, route_class, transport, status, error_code from requests where id = $1',
    [answer.headers.get('x-request-id')],
  );
  return { answer, row: rows[0] };
}

describe('a turn that asks for a compaction', () => {
  it('gets it in a whole response, in the lane of compactions', async () => {
    const { answer, row } = await ask(turn);
    expect(answer.status).toBe(200);
    expect(answer.json()['output']).toMatchObject([{ type: 'compaction' }]);
    expect(row).toMatchObject({ route_class: 'proxy_compact', status: 'succeeded' });
  });

  it('gets it in a stream, whose events are those of every stream', async () => {
    const { answer, row } = await ask({ ...turn, stream: true });
    const events = answer.data().map((data) => JSON.parse(data) as Loose);
    const types = events.map(({ type }) => type);
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
    expect(types).toContain('response.output_item.done');
    expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
    expect(row).toMatchObject({ route_class: 'proxy_compact', transport: 'http_sse', status: 'succeeded' });
  });

  it.each([true, false])('is refused where the answer holds none, streamed: %s', async (stream) => {
    anna.answers('I would rather talk.');
    const { answer, row } = await ask({ ...turn, stream });
    expect([answer.status, answer.json()]).toMatchObject([502, { error: { code: 'invalid_compaction_response' } }]);
    expect(answer.text).not.toContain('rather');
    expect(row).toMatchObject({ status: 'failed', error_code: 'invalid_compaction_response' });
  });

  it('is a compaction over the native path too, whose bytes stay as they came', async () => {
    const body = { model: 'gpt-5.5', instructions: '', input: turn.input, stream: true, store: false };
    const { answer, row } = await ask(body, '/backend-api/codex/responses');
    expect(answer.status).toBe(200);
    expect(row).toMatchObject({ route_class: 'proxy_compact', transport: 'http_sse', status: 'succeeded' });
  });

  it('is none when the trigger is not the last', async () => {
    const input = [{ type: 'compaction_trigger' }, said];
    expect((await askPublic(gateway, { path: '/v1/responses', key, body: { ...turn, input } })).status).toBe(400);
    const body = { model: 'gpt-5.5', instructions: '', input, stream: true, store: false };
    expect((await ask(body, '/backend-api/codex/responses')).row).toMatchObject({ route_class: 'proxy_stream' });
  });
});

describe('a compaction by its own path', () => {
  const path = '/v1/responses/compact';
  const body = { model: 'gpt-5.5', input: [said] };

  it('is one document', async () => {
    const { answer, row } = await ask(body, path);
    expect([answer.status, answer.json()]).toMatchObject([
      200,
      { object: 'response.compaction', output: [{ type: 'compaction' }] },
    ]);
    expect(row).toMatchObject({ route_class: 'proxy_compact', status: 'succeeded' });
  });

  it('is refused where the provider shortened nothing', async () => {
    anna.answers({ behaviour: 'A13', kind: 'compact_empty' });
    const { answer, row } = await ask(body, path);
    expect([answer.status, answer.json()]).toMatchObject([502, { error: { code: 'invalid_compaction_response' } }]);
    expect(row).toMatchObject({ status: 'failed', error_code: 'invalid_compaction_response' });
  });
});
