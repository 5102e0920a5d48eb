import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { decisions } from '../../server/contract/decisions.ts';
import { askCodex } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { until } from '../support/until.ts';

let installation: Installation;
let first: GatewayUnderTest;
let second: GatewayUnderTest;
let key: string;

beforeAll(async () => {
  installation = await oneInstallation();
  first = await installation.open();
  second = await installation.open();
  key = await first.key();
});
afterAll(() => installation.stop());

/** What the second process says of the accounts: what is used of their limits, and what speaks against them. */
async function known(): Promise<(readonly [usedPercent: number, reason: string | null])[] | undefined> {
  const imagined = { isCompaction: false, hasImages: false, hasTools: false, inputTokens: 10 };
  const { choices } = await second.call(decisions.simulate, { key: key.slice(0, 19), model: 'gpt-5.5', ...imagined });
  return choices[0]?.decision?.candidates.map(({ limits, reason }) => {
    return [Math.max(0, ...limits.map(({ usedPercent }) => usedPercent)), reason];
  });
}

/** Ten seconds later the second process has read what is stored, and then knows this. */
async function becomesKnown(expected: Awaited<ReturnType<typeof known>>): Promise<void> {
  installation.clock.advance(10_000);
  await until(async () => isDeepStrictEqual(await known(), expected));
}

/** Two seconds after it met a limit, the first process has stored that. */
async function isStored(): Promise<void> {
  installation.clock.advance(2_000);
  const usedUp = () => installation.database.db.selectFrom('quotaWindows').select('usedPercent').execute();
  await until(async () => (await usedUp()).some(({ usedPercent }) => usedPercent === 100));
}

describe('a limit that one process meets', () => {
  it('is known to the others within seconds, so none of them asks the account again', async () => {
    const anna = await first.link('anna', { percentPerAnswer: 0 });
    await until(async () => (await askCodex(second, key)).status === 200);
    anna.fails(429, { resetsInSeconds: 3600 });
    expect((await askCodex(first, key)).status).toBe(429);
    const { requests } = anna.counters;

    await isStored();
    await becomesKnown([[100, 'usage_limit_reached']]);
    const refused = await askCodex(second, key);
    expect([refused.status, anna.counters.requests]).toEqual([429, requests]);
  });
});

describe('credits that one process reads', () => {
  it('let the account serve in the others too, and no longer once they are spent', async () => {
    const windows = [{ minutes: 300 }, { minutes: 10_080, usedPercent: 100 }];
    const credits = { hasCredits: true, unlimited: false, balance: '12.5' };
    const ben = await first.link('ben', { percentPerAnswer: 0, windows, credits });
    const outOfLimits = [100, 'usage_limit_reached'] as const;
    await becomesKnown([[100, null], outOfLimits]);
    expect((await askCodex(second, key)).status).toBe(200);

    ben.credits({ hasCredits: false, unlimited: false, balance: '0' });
    await first.call(accounts.refresh, { account: 'ben' });
    await becomesKnown([outOfLimits, outOfLimits]);
    const { requests } = ben.counters;
    expect([(await askCodex(second, key)).status, ben.counters.requests]).toEqual([429, requests]);
  });
});
