import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from './behaviours/registry.ts';
import { openBench, userMessage, type Bench } from './client-for-tests.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

const json = async (answer: Promise<Response>) => (await (await answer).json()) as Record<string, unknown>;
const usage = () => json(bench.get('/backend-api/wham/usage'));

describe('usage', () => {
  it('agrees with the answer headers and the event', async () => {
    bench.account.windows([
      { minutes: 300, usedPercent: 41.95, resetsInSeconds: 600 },
      { minutes: 10_080, usedPercent: 10 },
    ]);
    bench.account.answers({ behaviour: 'N13' });
    const answer = await bench.ask();
    expect(answer.headers.get('x-codex-primary-used-percent')).toBe('42');
    const resetAt = Number(answer.headers.get('x-codex-primary-reset-at'));
    expect(await answer.text()).toContain('"primary":{"used_percent":42,"window_minutes":300');
    const secondsLeft = () => resetAt - bench.clock.now().getTime() / 1000;
    const most = secondsLeft();
    const document = await usage();
    expect(document).toMatchObject({
      rate_limit: {
        allowed: true,
        primary_window: { used_percent: 42, limit_window_seconds: 18_000, reset_at: resetAt },
        secondary_window: { used_percent: 10 },
      },
      credits: { balance: '0' },
    });
    // Time passes while it is asked; the document names seconds that began, of a reset whose second has begun.
    const { reset_after_seconds: left } = (document['rate_limit'] as { primary_window: Record<string, number> })
      .primary_window;
    expect(left).toBeGreaterThanOrEqual(secondsLeft());
    expect(left).toBeLessThan(most + 2);
  });

  it('empties a window when its time has come', async () => {
    bench.account.windows([{ minutes: 300, usedPercent: 100, resetsInSeconds: 60 }]);
    expect((await bench.ask()).status).toBe(429);
    bench.clock.advance(61_000);
    expect(await usage()).toMatchObject({ rate_limit: { limit_reached: false, primary_window: { used_percent: 0 } } });
  });

  it.each<[Answer, object]>([
    [
      { behaviour: 'A9', kind: 'weekly_only' },
      { plan_type: 'pro', rate_limit: { secondary_window: null } },
    ],
    [
      { behaviour: 'A9', kind: 'free' },
      { rate_limit: { primary_window: { limit_window_seconds: 2_592_000 } }, credits: null },
    ],
    [
      { behaviour: 'A9', kind: 'business' },
      { rate_limit: null, credits: { balance: '41.50' } },
    ],
    [{ behaviour: 'A9', kind: 'additional' }, { additional_rate_limits: [{ metered_feature: 'codex_bengalfox' }] }],
    [{ behaviour: 'A9', kind: 'exhausted_secondary' }, { rate_limit: { allowed: false } }],
    [{ behaviour: 'A9', kind: 'odd_window' }, { rate_limit: { primary_window: { limit_window_seconds: 3540 } } }],
    [{ behaviour: 'A9', kind: 'unknown_plan' }, { plan_type: 'plan_of_tomorrow' }],
  ])('shows %j', async (answer, shape) => {
    bench.account.answers(answer);
    expect(await usage()).toMatchObject(shape);
  });

  it('fails as scripted, once', async () => {
    bench.account.answers({ behaviour: 'A9', kind: 'html' }).answers({ behaviour: 'A9', kind: 'rate_limited' });
    expect((await bench.get('/backend-api/wham/usage')).headers.get('content-type')).toContain('text/html');
    expect((await bench.get('/backend-api/wham/usage')).status).toBe(429);
    expect((await bench.get('/backend-api/wham/usage')).status).toBe(200);
  });
});

describe('banked resets', () => {
  const consume = (id: string, credit?: string) =>
    json(
      bench.post('/backend-api/wham/rate-limit-reset-credits/consume', { redeem_request_id: id, credit_id: credit }),
    );

  it('spends a credit once per request id', async () => {
    bench.account.resetCredits(1).windows([{ minutes: 300, usedPercent: 90 }]);
    expect(await consume('one')).toMatchObject({ code: 'reset', windows_reset: 1 });
    expect(await consume('one')).toMatchObject({ code: 'reset', windows_reset: 1 });
    expect(await consume('two')).toMatchObject({ code: 'no_credit' });
    expect(await usage()).toMatchObject({ rate_limit_reset_credits: { available_count: 0 } });
  });

  it('spends nothing when there is nothing to reset', async () => {
    bench.account.resetCredits(1);
    expect(await consume('one')).toMatchObject({ code: 'nothing_to_reset' });
    expect(await json(bench.get('/backend-api/wham/rate-limit-reset-credits'))).toMatchObject({ available_count: 1 });
  });

  it('can lose the answer after the reset was done', async () => {
    bench.account.resetCredits(1).windows([{ minutes: 300, usedPercent: 90 }]);
    bench.account.answers({ behaviour: 'A10', kind: 'answer_lost' });
    await expect(consume('one')).rejects.toThrow();
    expect(await consume('one')).toMatchObject({ code: 'reset' });
  });
});

describe('models', () => {
  const catalog = async (version: string) => {
    const answer = await bench.get(`/backend-api/codex/models?client_version=${version}`);
    return { etag: answer.headers.get('etag'), text: await answer.text() };
  };
  const slugs = (text: string) =>
    (JSON.parse(text) as { models: { slug: string }[] }).models.map((entry) => entry.slug);

  it('lists what the plan has and the client is new enough for', async () => {
    expect(slugs((await catalog('0.169.0')).text)).toContain('gpt-6.1-sol');
    expect(slugs((await catalog('0.169.0')).text)).not.toContain('gpt-7-preview');
    expect(slugs((await catalog('0.200.1')).text)).toContain('gpt-7-preview');
    bench.account.changePlan('free');
    expect(slugs((await catalog('0.169.0')).text)).not.toContain('gpt-6.1-sol');
  });

  it('names its content by ETag, which answers repeat', async () => {
    const { etag } = await catalog('0.169.0');
    expect((await bench.ask()).headers.get('x-models-etag')).toBe(etag);
    bench.account.models(['gpt-5.5']);
    expect((await catalog('0.169.0')).etag).not.toBe(etag);
  });

  it('holds an entry that no serialiser would write the same way again', async () => {
    const { text } = await catalog('0.169.0');
    expect(text).toContain('"caf\\u00e9"');
    expect(JSON.stringify(JSON.parse(text))).not.toBe(text);
  });

  it('gives every entry the keys that all CLIs require', async () => {
    const { models } = JSON.parse((await catalog('0.200.0')).text) as { models: Record<string, unknown>[] };
    const required = [
      'slug',
      'display_name',
      'supported_reasoning_levels',
      'shell_type',
      'visibility',
      'supported_in_api',
    ]
      .concat([
        'priority',
        'support_verbosity',
        'truncation_policy',
        'experimental_supported_tools',
        'base_instructions',
      ])
      .concat(['supports_reasoning_summaries', 'supports_parallel_tool_calls']);
    for (const entry of models) expect(Object.keys(entry)).toEqual(expect.arrayContaining(required));
  });
});

describe('accounts/check', () => {
  const check = () => bench.get('/backend-api/wham/accounts/check');

  it('names the account, its origin and its override', async () => {
    bench.account.answers({ behaviour: 'A8', kind: 'override', override: 'us_cr' });
    expect(await json(check())).toMatchObject({
      accounts: [
        { id: bench.account.id, workspace_backend_origin: 'NO_CONSTRAINT', account_routing_override: 'us_cr' },
      ],
    });
  });

  it('can leave the account out, and refuse once', async () => {
    bench.account.answers({ behaviour: 'A8', kind: 'missing' }).answers({ behaviour: 'A8', kind: 'unauthorized' });
    expect((await check()).status).toBe(401);
    expect(await json(check())).toMatchObject({ accounts: [] });
  });
});

describe('files and hosted calls', () => {
  it('takes a file in three steps and wants no credential at the storage', async () => {
    const created = await json(
      bench.post('/backend-api/files', { file_name: 'a.txt', file_size: 3, use_case: 'codex' }),
    );
    const uploaded = () => json(bench.post(`/backend-api/files/${String(created['file_id'])}/uploaded`, {}));
    expect(await uploaded()).toEqual({ status: 'retry' });
    const put = (headers: Record<string, string>) =>
      fetch(String(created['upload_url']), { method: 'PUT', headers, body: 'abc' });
    expect((await put({})).status).toBe(400);
    expect((await put({ 'x-ms-blob-type': 'BlockBlob' })).status).toBe(201);
    bench.account.answers({ behaviour: 'A12', kind: 'retry', times: 2 });
    expect([await uploaded(), await uploaded()]).toEqual([{ status: 'retry' }, { status: 'retry' }]);
    expect(await uploaded()).toMatchObject({ status: 'success', file_name: 'a.txt' });
    expect(bench.sandbox.violations).toEqual([]);
    await put({ 'x-ms-blob-type': 'BlockBlob', authorization: 'Bearer x' });
    expect(bench.sandbox.violations).toMatchObject([{ rule: 'upload_credential', where: 'authorization' }]);
  });

  it('serves images, search, voice, dictation and old-style compaction', async () => {
    const image = await json(bench.post('/backend-api/codex/images/generations', { prompt: 'a red square' }));
    expect(image).toHaveProperty('data');
    expect(await json(bench.post('/backend-api/codex/alpha/search', {}))).toHaveProperty('output');
    const call = await bench.post('/backend-api/codex/realtime/calls', { sdp: 'v=0' });
    expect(call.headers.get('location')).toContain('rtc_');
    const form = new FormData();
    form.set('file', new Blob(['sound']));
    const heard = await fetch(`${bench.sandbox.url}/backend-api/transcribe`, {
      method: 'POST',
      headers: bench.headers,
      body: form,
    });
    expect(await heard.json()).toHaveProperty('text');
    const compacted = await json(bench.post('/backend-api/codex/responses/compact', { input: [userMessage('hi')] }));
    expect(compacted).toMatchObject({ output: [{ type: 'compaction' }] });
  });

  it('refuses them as scripted', async () => {
    bench.account.answers({ behaviour: 'A13', kind: 'images_moderation' });
    expect((await bench.post('/backend-api/codex/images/generations', { prompt: 'x' })).status).toBe(400);
    bench.account.answers({ behaviour: 'service', stage: 'search', status: 503 });
    expect((await bench.post('/backend-api/codex/alpha/search', {})).status).toBe(503);
  });

  it('says 404 where nothing is', async () => {
    const answer = await bench.get('/backend-api/wham/settings/user');
    expect([answer.status, await answer.json()]).toEqual([404, { detail: 'Not Found' }]);
    expect((await bench.get('/nowhere')).status).toBe(404);
  });
});
