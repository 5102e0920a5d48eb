/** Answers that are legal but nasty: through the gateway they are what they are without it, and they are accounted. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { newRow, requestIds, settledRow } from '../support/ledger.ts';
import { openCodex, requestIdOf, type RawAnswer } from '../support/raw-codex.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let tokenOfAnna: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  tokenOfAnna = anna.signIn().accessToken;
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => anna.forgetScript());

type Script = Parameters<typeof anna.answers>[0];

/** The same scripted answer, once without and once with the gateway. */
async function bothWays(script: Script): Promise<{ direct: RawAnswer; through: RawAnswer }> {
  const ask = { authorization: `Bearer ${tokenOfAnna}`, headers: { 'chatgpt-account-id': anna.id } };
  anna.answers(script);
  const direct = await openCodex(gateway.sandbox, '', ask).answer;
  anna.answers(script);
  return { direct, through: await openCodex(gateway, key).answer };
}

/** Ids and times differ from answer to answer; everything else must not. */
function comparable(body: Buffer): string {
  return body
    .toString('latin1')
    .replaceAll(/\b(resp|msg|req|rs|cmp)_sandbox_\d+/g, '$1_sandbox_N')
    .replaceAll(/"created_at":\d+/g, '"created_at":0');
}

const goodTypes = [
  'response.created',
  'response.output_item.added',
  'response.output_text.delta',
  'response.output_item.done',
  'response.completed',
];

describe('an answer', () => {
  for (const kind of [
    'crlf',
    'lone_cr',
    'crlf_split',
    'utf8_split',
    'multi_line_data',
    'comments',
    'retry_and_id',
    'no_event_line',
    'mismatched_event',
    'bom',
    'junk_json',
    'done_marker',
    'no_final_blank',
  ] as const) {
    it(`of the kind ${kind} is the same through the gateway, and its usage counts`, async () => {
      const { direct, through } = await bothWays({ behaviour: 'F10', kind });
      expect(comparable(direct.body)).toContain('response.completed');
      expect(comparable(through.body)).toBe(comparable(direct.body));
      expect(through.ending).toBe(direct.ending);
      const row = await settledRow(gateway, requestIdOf(through));
      expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known', attemptCount: 1 });
      expect(await settledTokens(row.id)).toEqual({ inputTokens: 100, cachedTokens: 40, outputTokens: 7 });
    });
  }

  it('compressed though nobody asked arrives plain', async () => {
    const { direct, through } = await bothWays({ behaviour: 'F10', kind: 'gzip' });
    expect(direct.headers['content-encoding']).toBe('gzip');
    expect(through.headers['content-encoding']).toBeUndefined();
    expect(comparable(through.body)).toBe(comparable(gunzipSync(direct.body)));
    expect(typesOf(through.body.toString('utf8'))).toEqual(goodTypes);
    const row = await settledRow(gateway, requestIdOf(through));
    expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
  });

  it('in JSON where a stream was asked for is passed on as it is', async () => {
    const { direct, through } = await bothWays({ behaviour: 'F10', kind: 'json_body' });
    expect(through.status).toBe(200);
    expect(through.headers['content-type']).toBe('application/json');
    expect(comparable(through.body)).toBe(comparable(direct.body));
    // It names no usage, so the estimate counts.
    const row = await settledRow(gateway, requestIdOf(through));
    expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_unknown', responseStatus: 200 });
  });

  it('in JSON that names its usage is accounted', async () => {
    const usage = { input_tokens: 30, output_tokens: 4, total_tokens: 34 };
    anna.answers({ behaviour: 'raw', status: 200, body: { id: 'r', object: 'response', output: [], usage } });
    const answer = await openCodex(gateway, key).answer;
    const row = await settledRow(gateway, requestIdOf(answer));
    expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
    expect(await settledTokens(row.id)).toEqual({ inputTokens: 30, cachedTokens: null, outputTokens: 4 });
  });

  for (const [name, usage] of [
    ['whose total is not its sum', { input_tokens: 100, output_tokens: 7, total_tokens: 500 }],
    [
      'with more cached than input',
      { input_tokens: 10, output_tokens: 7, total_tokens: 17, input_tokens_details: { cached_tokens: 11 } },
    ],
    ['that is no number', { input_tokens: '100', output_tokens: 7 }],
    ['that is negative', { input_tokens: -1, output_tokens: 7 }],
    ['of nothing', null],
  ] as const) {
    it(`with a usage ${name} reaches the client, and its cost is not believed`, async () => {
      const end = JSON.stringify({ type: 'response.completed', response: { id: 'r', usage } });
      const sse = `event: response.output_item.done\ndata: {"type":"response.output_item.done","item":{}}\n\ndata: ${end}\n\n`;
      anna.answers({ behaviour: 'recording', sse });
      const answer = await openCodex(gateway, key).answer;
      expect(answer.body.toString('utf8')).toBe(sse);
      const row = await settledRow(gateway, requestIdOf(answer));
      expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_unknown' });
    });
  }
});

describe('a single event', () => {
  it('of ten megabytes passes, byte for byte', async () => {
    const { direct, through } = await bothWays({ behaviour: 'F10', kind: 'big_event', bytes: 10 * 2 ** 20 });
    expect(through.body.length).toBeGreaterThan(20 * 2 ** 20);
    expect(comparable(through.body) === comparable(direct.body)).toBe(true);
    const row = await settledRow(gateway, requestIdOf(through));
    expect(row).toMatchObject({ status: 'succeeded', usageStatus: 'usage_known' });
  });

  it('of twenty megabytes ends the stream where whole events end, and the provider is told', async () => {
    anna.answers({ behaviour: 'F10', kind: 'big_event' });
    const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
    const answer = await openCodex(gateway, key).answer;
    expect(answer.status).toBe(200);
    expect(typesOf(answer.body.toString('utf8'))).toEqual(goodTypes.slice(0, 2));
    expect((await ended).outcome).toBe('left');
    expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({
      status: 'failed',
      errorCode: 'upstream_response_too_large',
      usageStatus: 'usage_unknown',
    });
  });

  it('too large before anything was sent is refused in words, and no other account pays for it again', async () => {
    const sse = `data: {"type":"response.output_text.delta","delta":"${'x'.repeat(17 * 2 ** 20)}"}\n\n`;
    anna.answers({ behaviour: 'recording', sse });
    const known = await requestIds(gateway);
    const answer = await openCodex(gateway, key).answer;
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body.toString('utf8'))).toMatchObject({ error: { code: 'upstream_response_too_large' } });
    expect(await newRow(gateway, known)).toMatchObject({ status: 'failed', attemptCount: 1 });
  });

  it('too large, again and again, does not fill the memory', async () => {
    anna.always({ behaviour: 'F10', kind: 'big_event' });
    const once = async () => {
      const ended = gateway.sandbox.nextStreamEnd({ account: 'anna' });
      await openCodex(gateway, key).answer;
      await ended;
    };
    await once();
    const before = await bytesKept();
    for (let round = 0; round < 12; round += 1) await once();
    // Less than a single one: kept, twelve of them would be 240 MB.
    expect((await bytesKept()) - before).toBeLessThan(15 * 2 ** 20);
    expect(anna.counters.openStreams).toBe(0);
  });
});

/**
 * What nobody lets go of, in objects and in buffers. A stream that has just ended lets go of its buffers in the turn of
 * the event loop after that, and a buffer goes in the collection after its object's.
 */
async function bytesKept(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 3; turn += 1) {
    await nextTurn();
    collectGarbage();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function settledTokens(requestId: string) {
  return gateway.database.db
    .selectFrom('ledgerEntries')
    .select(['inputTokens', 'cachedTokens', 'outputTokens'])
    .where('requestId', '=', requestId)
    .where('event', '=', 'settlement')
    .executeTakeFirst();
}
