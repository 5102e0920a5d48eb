import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decisions } from '../../server/contract/decisions.ts';
import { askCodex } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

let installation: Installation;
let first: GatewayUnderTest;
let second: GatewayUnderTest;
let key: string;

beforeAll(async () => {
  installation = await oneInstallation();
  // Without jobs, so that nothing is read but what a request causes.
  first = await installation.open({ env: { OBAN_MODE: 'web' } });
  second = await installation.open({ env: { OBAN_MODE: 'web' } });
  key = await first.key();
});
afterAll(() => installation.stop());

describe('a limit that one process meets', () => {
  it('is known to the others within seconds, so none of them asks the account again', async () => {
    const anna = await first.link('anna', { percentPerAnswer: 0 });
    await expect.poll(async () => (await askCodex(second, key)).status).toBe(200);
    anna.fails(429, { resetsInSeconds: 3600 });
    expect((await askCodex(first, key)).status).toBe(429);
    const { requests } = anna.counters;

    await expect
      .poll(async () => {
        installation.clock.advance(1_000);
        const imagined = { isCompaction: false, hasImages: false, hasTools: false, inputTokens: 10 };
        const { choices } = await second.call(decisions.simulate, {
          key: key.slice(0, 19),
          model: 'gpt-5.5',
          ...imagined,
        });
        return choices[0]?.decision?.candidates.map(({ reason }) => reason);
      })
      .toEqual(['usage_limit_reached']);
    const refused = await askCodex(second, key);
    expect([refused.status, anna.counters.requests]).toEqual([429, requests]);
  });
});
