import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scanArray, scanObject } from '../../server/lib/json-spans.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', {
    plan: 'plus',
    percentPerAnswer: 0,
    models: ['gpt-5.5', 'gpt-6.1-sol'],
    windows: [
      { minutes: 300, usedPercent: 41 },
      { minutes: 10_080, usedPercent: 10 },
    ],
  });
  await gateway.link('ben', {
    plan: 'pro',
    percentPerAnswer: 0,
    models: ['gpt-6.1-sol', 'gpt-6-luna'],
    windows: [
      { minutes: 300, usedPercent: 20 },
      { minutes: 10_080, usedPercent: 70 },
    ],
  });
  key = await gateway.key();
});
afterAll(() => gateway.stop());

const authorized = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } });

async function modelList(secret: string, path = '/backend-api/codex/models?client_version=0.169.0') {
  const answer = await fetch(gateway.url + path, authorized(secret));
  expect(answer.status).toBe(200);
  return { etag: answer.headers.get('etag'), body: Buffer.from(await answer.arrayBuffer()) };
}

/** The raw bytes of each entry, by slug. */
function entriesOf(body: Buffer): Map<string, string> {
  const models = scanObject(body).find(({ key: name }) => name === 'models');
  if (!models) throw new Error('no models');
  const list = body.subarray(models.start, models.end);
  return new Map(
    scanArray(list).map(({ start, end }) => {
      const text = list.toString('utf8', start, end);
      return [(JSON.parse(text) as { slug: string }).slug, text];
    }),
  );
}

/** What the provider serves this account, byte for byte. */
async function providersList(name: string): Promise<Map<string, string>> {
  const account = gateway.sandbox.account(name);
  const answer = await fetch(`${gateway.sandbox.url}/backend-api/codex/models?client_version=0.169.0`, {
    headers: { authorization: `Bearer ${account.signIn().accessToken}`, 'chatgpt-account-id': account.id },
  });
  return entriesOf(Buffer.from(await answer.arrayBuffer()));
}

describe('the model list of a Pool with two plans', () => {
  it('is the union, each entry byte for byte as the provider wrote it', async () => {
    const entries = entriesOf((await modelList(key)).body);
    expect([...entries.keys()].toSorted()).toEqual(['gpt-5.5', 'gpt-6-luna', 'gpt-6.1-sol']);
    const served = new Map([...(await providersList('ben')), ...(await providersList('anna'))]);
    for (const [slug, text] of entries) expect(text).toBe(served.get(slug));
  });

  it('is the same under its alias and each time, ETag included', async () => {
    const first = await modelList(key);
    const alias = await modelList(key, '/backend-api/codex/v1/models?client_version=0.125.0');
    expect(alias.body.equals(first.body)).toBe(true);
    expect(alias.etag).toBe(first.etag);
    expect(first.etag).toMatch(/^W\/"[\w-]+"$/);
  });

  it('shows a key that may use some models those entries only, untouched', async () => {
    const whole = entriesOf((await modelList(key)).body);
    const some = await modelList(await gateway.key({ allowedModels: ['GPT-6-Luna'] }));
    expect([...entriesOf(some.body)]).toEqual([['gpt-6-luna', whole.get('gpt-6-luna')]]);
    expect(some.etag).not.toBe((await modelList(key)).etag);
  });

  it("lets no account's own list be named on an answer, since it is not the Pool's", async () => {
    const answer = await askCodex(gateway, key);
    await answer.text();
    expect(answer.headers.get('x-models-etag')).toBeNull();
  });

  it('sends each model to an account that offers it', async () => {
    for (const [model, account] of [
      ['gpt-5.5', 'anna'],
      ['gpt-6-luna', 'ben'],
    ] as const) {
      const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      const answer = await askCodex(gateway, key, { model, thread: `wants-${model}` });
      expect((await arrived).account).toBe(account);
      await answer.text();
    }
  });
});

describe('the limits that a client is shown', () => {
  it.each(['/backend-api/wham/usage', '/backend-api/codex/usage', '/api/codex/usage', '/wham/usage'])(
    'at %s are one synthesis over the Pool, in whole numbers, without saying whose they are',
    async (path) => {
      const answer = await fetch(gateway.url + path, authorized(key));
      const text = await answer.text();
      const usage = JSON.parse(text) as {
        plan_type: string;
        rate_limit: Record<string, Record<string, number> | boolean>;
      };
      expect(answer.status).toBe(200);
      expect(usage.plan_type).toBe('unknown');
      expect(usage.rate_limit).toMatchObject({
        allowed: true,
        limit_reached: false,
        primary_window: { used_percent: 31, limit_window_seconds: 18_000 },
        secondary_window: { used_percent: 40, limit_window_seconds: 604_800 },
      });
      for (const name of ['primary_window', 'secondary_window'])
        for (const value of Object.values(usage.rate_limit[name] as Record<string, number>))
          expect(Number.isInteger(value)).toBe(true);
      expect(text).not.toMatch(/@|anna|ben|account|user/);
    },
  );

  it('need a key', async () => {
    expect((await fetch(`${gateway.url}/backend-api/wham/usage`)).status).toBe(401);
  });

  it('in the headers of an answer all come from the account that served it', async () => {
    for (const [model, five, week] of [
      ['gpt-5.5', '41', '10'],
      ['gpt-6-luna', '20', '70'],
    ] as const) {
      const answer = await askCodex(gateway, key, { model, thread: `limits-${model}` });
      await answer.text();
      expect(answer.headers.get('x-codex-primary-used-percent')).toBe(five);
      expect(answer.headers.get('x-codex-secondary-used-percent')).toBe(week);
    }
  });
});

describe('the model list of a Pool with one catalogue', () => {
  it("is named on answers with the provider's own ETag, which is the one it is served under", async () => {
    const single = await gatewayUnderTest();
    try {
      await single.link('carl', { percentPerAnswer: 0 });
      const secret = await single.key();
      const list = await fetch(`${single.url}/backend-api/codex/models?client_version=0.169.0`, authorized(secret));
      const answer = await askCodex(single, secret);
      await answer.text();
      expect(list.headers.get('etag')).not.toBeNull();
      expect(answer.headers.get('x-models-etag')).toBe(list.headers.get('etag'));
    } finally {
      await single.stop();
    }
  });
});
