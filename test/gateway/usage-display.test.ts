/** What a client is shown of limits: the Pool's truth where it asks for it, the serving account's on its answers. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { askCodex, eventsOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { threadOf } from '../support/thread-of.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let ben: typeof anna;

const hour = 3_600;
const day = 24 * hour;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', {
    percentPerAnswer: 0,
    plan: 'plus',
    windows: [
      { minutes: 300, usedPercent: 12, resetsInSeconds: 2 * hour },
      { minutes: 10_080, usedPercent: 33, resetsInSeconds: 3 * day },
    ],
    credits: { hasCredits: true, unlimited: false, balance: '17.5' },
  });
  ben = await gateway.link('ben', {
    percentPerAnswer: 0,
    plan: 'pro',
    // As recorded from a real Pro account: the weekly window alone, in the first slot.
    windows: [{ minutes: 10_080, usedPercent: 60, resetsInSeconds: 5 * day }],
    credits: null,
  });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => {
  for (const account of [anna, ben]) account.forgetScript();
});

interface Window {
  readonly used_percent: number;
  readonly limit_window_seconds: number;
  readonly reset_after_seconds: number;
  readonly reset_at: number;
}

interface Usage {
  readonly plan_type: string;
  readonly rate_limit: {
    readonly allowed: boolean;
    readonly limit_reached: boolean;
    readonly primary_window: Window | null;
    readonly secondary_window: Window | null;
  } | null;
  readonly credits: unknown;
}

async function usage(): Promise<Usage> {
  const answer = await fetch(`${gateway.url}/backend-api/wham/usage`, { headers: { authorization: `Bearer ${key}` } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Usage;
}

function everyNumberIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(everyNumberIn) : [];
}

/** The limit headers of an answer, without their common start. */
const limitsOf = (headers: Headers) =>
  Object.fromEntries(
    [...headers]
      .filter(([name]) => /^x-codex-(primary|secondary|credits|plan-type|active-limit)/.test(name))
      .map(([name, value]) => [name.slice('x-codex-'.length), value]),
  );

describe('the usage a client asks for', () => {
  it('is the mean of the accounts per length of window, with the first reset to come, in whole numbers', async () => {
    const shown = await usage();
    const now = gateway.clock.now().getTime() / 1000;
    expect(shown.rate_limit).toMatchObject({
      allowed: true,
      limit_reached: false,
      // Only anna has the short one.
      primary_window: { used_percent: 12, limit_window_seconds: 5 * hour },
      // 33 and 60: the mean, rounded.
      secondary_window: { used_percent: 47, limit_window_seconds: 7 * day },
    });
    expect(Math.abs((shown.rate_limit?.primary_window?.reset_at ?? 0) - (now + 2 * hour))).toBeLessThan(120);
    expect(Math.abs((shown.rate_limit?.secondary_window?.reset_at ?? 0) - (now + 3 * day))).toBeLessThan(120);
    expect(everyNumberIn(shown).filter((each) => !Number.isInteger(each))).toEqual([]);
  });

  it('names no account: no e-mail, no id, no credits of one of them', async () => {
    const text = JSON.stringify(await usage());
    for (const account of [anna, ben])
      for (const secret of [account.email, account.id, account.userId, account.name, '17.5'])
        expect(text).not.toContain(secret);
  });

  it('says that there is room as long as one account has some', async () => {
    const [annas, thread] = [await threadOf(gateway, key, 'anna'), await threadOf(gateway, key, 'ben')];
    anna.fails(429, { resetsInSeconds: hour });
    expect(await (await askCodex(gateway, key, { thread: annas })).text()).toContain('response.completed');
    expect((await usage()).rate_limit).toMatchObject({ allowed: true, limit_reached: false });
    expect((await usage()).rate_limit?.primary_window?.used_percent).toBe(100);

    ben.fails(429, { resetsInSeconds: 2 * hour });
    const refused = await askCodex(gateway, key, { thread });
    expect(refused.status).toBe(429);
    const { error } = (await refused.json()) as { error: { resets_at: number; plan_type: null } };
    const shown = await usage();
    expect(shown.rate_limit).toMatchObject({ allowed: false, limit_reached: true });
    // The refusal and the display speak of the same moment: the first account to come back.
    expect(Math.abs(error.resets_at - (shown.rate_limit?.primary_window?.reset_at ?? 0))).toBeLessThan(5);
    expect(error.plan_type).toBeNull();

    gateway.clock.advance((2 * hour + 60) * 1000);
    expect((await usage()).rate_limit).toMatchObject({ allowed: true, limit_reached: false });
  });

  it('does not count an account that is signed out', async () => {
    await gateway.call(accounts.remove, { account: 'ben' });
    expect((await usage()).plan_type).toBe('plus');
    expect((await usage()).rate_limit?.secondary_window?.used_percent).toBe(33);
    await gateway.call(accounts.import, { authJson: ben.authJson(), pool: 'default', label: 'ben' });
  });
});

describe('the limits on an answer', () => {
  it('are those of the account that served it, whole and unmixed', async () => {
    for (const [account, theirs] of [
      [anna, { 'plan-type': 'plus', 'primary-window-minutes': '300', 'secondary-window-minutes': '10080' }],
      [ben, { 'plan-type': 'pro', 'primary-window-minutes': '10080' }],
    ] as const) {
      const thread = await threadOf(gateway, key, account.name);
      const answer = await askCodex(gateway, key, { thread });
      await answer.text();
      expect(limitsOf(answer.headers)).toEqual(limitsOf(new Headers(account.quota.headers(account.plan))));
      expect(limitsOf(answer.headers)).toMatchObject(theirs);
    }
  });

  it('hold nothing of an account that refused before', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.fails(429, { resetsInSeconds: 600 });
    const answer = await askCodex(gateway, key, { thread });
    await answer.text();
    expect(limitsOf(answer.headers)).toEqual(limitsOf(new Headers(ben.quota.headers('pro'))));
    gateway.clock.advance(601_000);
  });

  it('in an event are those of the account that served it as well, also when another failed late', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.answers({ behaviour: 'F6', code: 'server_is_overloaded' });
    ben.answers({ behaviour: 'N13' });
    const text = await (await askCodex(gateway, key, { thread })).text();
    const shown = eventsOf(text).filter(({ type }) => type === 'codex.rate_limits');
    expect(shown.map(({ plan_type }) => plan_type)).toEqual(['pro']);
  });
});
