import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import type { StrategyName } from '../../server/contract/vocabulary.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let key: string;

const windows = (week: number, resetsInSeconds: number) => [
  { minutes: 300, usedPercent: 10 },
  { minutes: 10_080, usedPercent: week, resetsInSeconds },
];

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('full', { percentPerAnswer: 0, windows: windows(5, 600_000) });
  await gateway.link('soon', { percentPerAnswer: 0, windows: windows(60, 7_200) });
  await gateway.link('spent', { percentPerAnswer: 0, windows: windows(98, 3_600) });
  key = await gateway.key();
});
afterAll(() => gateway.stop());

async function servedBy(thread: string): Promise<string | null> {
  const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
  await (await askCodex(gateway, key, { thread })).text();
  return (await arrived).account ?? null;
}

async function firstChoices(strategy: StrategyName): Promise<(string | null)[]> {
  await gateway.call(routing.change, { pool: 'default', changes: { strategy } });
  const served: (string | null)[] = [];
  for (let thread = 0; thread < 6; thread += 1) served.push(await servedBy(`${strategy}-${thread}`));
  return served;
}

describe("a Pool's strategy holds from the next request on", () => {
  it('quota_first takes the account with most left', async () => {
    expect(new Set(await firstChoices('quota_first'))).toEqual(new Set(['full']));
  });

  it('soonest_reset spends first what would be lost first, but leaves every account its floor', async () => {
    expect(new Set(await firstChoices('soonest_reset'))).toEqual(new Set(['soon']));
  });

  it('least_recent_success goes round', async () => {
    const served = await firstChoices('least_recent_success');
    expect(new Set(served.slice(0, 3))).toEqual(new Set(['full', 'soon', 'spent']));
  });

  it('a conversation stays with its account all the same', async () => {
    const account = await servedBy('loyal');
    await gateway.call(routing.change, { pool: 'default', changes: { strategy: 'quota_first' } });
    expect(await servedBy('loyal')).toBe(account);
  });
});
