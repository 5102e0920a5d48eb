import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

type Linked = Awaited<ReturnType<GatewayUnderTest['link']>>;

let gateway: GatewayUnderTest;
let key: string;
let anna: Linked;

beforeEach(async () => {
  // Without jobs, so that nothing is read but what a test causes.
  // So long that a slow machine commits to no answer that is about to fail.
  gateway = await gatewayUnderTest({ settings: { 'gateway.holdback_ms': 60_000 } });
  key = await gateway.key();
});
afterEach(() => gateway.stop());

const spark = 'gpt-5.3-codex-spark';
const week = { minutes: 10_080, usedPercent: 100, resetsInSeconds: 86_400 };
const fiveHours = { minutes: 300, usedPercent: 10 };

async function ask(options: { thread?: string; model?: string } = {}) {
  const answer = await askCodex(gateway, key, options);
  return { status: answer.status, text: await answer.text(), retryAfter: answer.headers.get('retry-after') };
}

const minutes = (count: number) => count * 60_000;

describe('a limit that shows inside a 200 stream', () => {
  it('before anything was sent moves the request, and its reset is known', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0 });
    anna.answers({ behaviour: 'F6', code: 'usage_limit_reached', resetsInSeconds: 1800 });
    const refused = await ask();
    expect(refused.status).toBe(429);
    gateway.clock.advance(minutes(29));
    expect((await ask()).status).toBe(429);
    expect(anna.counters.requests).toBe(1);
    gateway.clock.advance(minutes(2));
    expect((await ask()).status).toBe(200);
  });

  it('after something was sent ends that answer, and holds for the next request', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0 });
    anna.answers({ behaviour: 'F6', code: 'usage_limit_reached', deltas: 2, resetsInSeconds: 1800 });
    const cut = await ask();
    expect(typesOf(cut.text).at(-1)).toBe('response.failed');
    expect(JSON.parse((await ask()).text)).toMatchObject({ error: { type: 'usage_limit_reached' } });
    expect(anna.counters.requests).toBe(1);
    gateway.clock.advance(minutes(31));
    expect((await ask()).status).toBe(200);
  });
});

describe('an account without a reading that still counts', () => {
  it('serves the first request after its reset, with no restart and nothing read in between', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0, windows: [{ ...fiveHours, usedPercent: 100 }, week] });
    expect((await ask()).status).toBe(429);
    gateway.clock.advance(minutes(24 * 60 + 1));
    anna.windows([fiveHours]);
    const usageReads = gateway.sandbox.requests.filter(({ path }) => path.includes('/usage')).length;
    expect((await ask()).status).toBe(200);
    expect(gateway.sandbox.requests.filter(({ path }) => path.includes('/usage'))).toHaveLength(usageReads);
  });

  it('serves however old its last reading is', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0 });
    gateway.clock.advance(minutes(3 * 24 * 60));
    expect((await ask()).status).toBe(200);
  });
});

describe('a used up limit of one model', () => {
  it('moves that model to another account and nothing else', async () => {
    anna = await gateway.link('anna', {
      percentPerAnswer: 0,
      models: [spark, 'gpt-5.5'],
      additionalLimits: [
        {
          limitName: 'GPT-5.3-Codex-Spark',
          meteredFeature: 'codex_bengalfox',
          windows: [{ minutes: 300, usedPercent: 100, resetsInSeconds: 3600 }],
        },
      ],
    });
    expect((await ask({ model: spark })).status).toBe(429);
    expect(anna.counters.requests).toBe(0);
    expect((await ask({ model: 'gpt-5.5' })).status).toBe(200);
    const ben = await gateway.link('ben', { percentPerAnswer: 0, models: [spark] });
    expect((await ask({ model: spark })).status).toBe(200);
    expect(ben.counters.requests).toBe(1);
    gateway.clock.advance(minutes(61));
    for (let n = 0; n < 12; n += 1) expect((await ask({ model: spark, thread: `t${n}` })).status).toBe(200);
    expect(anna.counters.requests).toBeGreaterThan(1);
  });
});

describe('an account whose weekly limit is used up and that has credits', () => {
  const credits = { hasCredits: true, unlimited: false, balance: '12.5' };

  it('serves when no other can, and only then', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0, windows: [fiveHours, week], credits });
    const ben = await gateway.link('ben', { percentPerAnswer: 0 });
    for (let n = 0; n < 12; n += 1) await ask({ thread: `thread ${n}` });
    expect([anna.counters.requests, ben.counters.requests]).toEqual([0, 12]);
    ben.fails(429, { resetsInSeconds: 3600 });
    expect((await ask()).status).toBe(200);
    expect(anna.counters.requests).toBe(1);
  });

  it('is left alone until its reset once it refused to be paid', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0, windows: [fiveHours, week], credits });
    anna.answers({ behaviour: 'F3', kind: 'usage_limit_reached', resetsInSeconds: 86_400, fillsWindow: false });
    expect((await ask()).status).toBe(429);
    for (let n = 0; n < 3; n += 1) {
      gateway.clock.advance(minutes(10));
      await gateway.call(accounts.refresh, { account: 'anna' });
      expect((await ask()).status).toBe(429);
    }
    expect(anna.counters.requests).toBe(1);
  });
});

describe('what is shown of a limit', () => {
  it('says how much it is worth by its age', async () => {
    anna = await gateway.link('anna', { percentPerAnswer: 0, windows: [{ minutes: 300, usedPercent: 30 }] });
    const freshness = async () => {
      const { accounts: all } = await gateway.call(accounts.list, {});
      return all[0]?.quota.map((window) => window.freshness);
    };
    expect(await freshness()).toEqual(['fresh']);
    gateway.clock.advance(minutes(16));
    expect(await freshness()).toEqual(['stale']);
    gateway.clock.advance(minutes(300));
    expect(await freshness()).toEqual(['expired']);
  });
});
