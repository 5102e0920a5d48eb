/** A laptop that slept: whatever was known before is looked at again, once, and the next request is served. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { jobs } from '../../server/contract/jobs.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

const minute = 60_000;
const hour = 60 * minute;

describe.each([
  ['an hour', hour],
  ['a night', 8 * hour],
])('after a sleep of %s', (_name, sleptMs) => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await gatewayUnderTest({ env: { OBAN_MODE: 'all' } });
    await gateway.link('anna');
    await gateway.link('ben', { tokenLifeSeconds: 30 * 60 });
    await quiet();
  });
  afterAll(() => gateway.stop());

  it('each account is asked about its limits once, and the token that ran out is renewed once', async () => {
    const before = usageCalls();
    const refreshes = gateway.sandbox.requests.filter(({ path }) => path === '/oauth/token').length;
    gateway.clock.jumpWall(sleptMs);
    gateway.clock.advance(1_000);
    const woke = await gateway.logged('woke_up');
    expect(woke.facts['durationMs']).toBeGreaterThanOrEqual(sleptMs - 1_000);
    await runAgain();
    expect(usageCalls() - before).toBe(2);
    expect(gateway.sandbox.requests.filter(({ path }) => path === '/oauth/token').length - refreshes).toBe(1);
    const { accounts: all } = await gateway.call(accounts.list, {});
    for (const account of all) {
      expect(gateway.clock.now().getTime() - account.limitsAskedAt!.getTime()).toBeLessThan(minute);
      expect(account.limitsProblem).toBeNull();
    }
  });

  it('the next request is served', async () => {
    const answer = await askCodex(gateway, await gateway.key());
    expect(answer.status).toBe(200);
  });

  function usageCalls(): number {
    return gateway.sandbox.requests.filter(({ path }) => path === '/backend-api/wham/usage').length;
  }

  /** Resolves when nothing is due any more. */
  async function quiet(): Promise<void> {
    for (const name of ['probe_limits', 'refresh_tokens'] as const) await gateway.call(jobs.run, { name });
  }

  async function runAgain(): Promise<void> {
    const isRecent = (at: Date | null) => at !== null && gateway.clock.now().getTime() - at.getTime() < minute;
    for (let nth = 1; ; nth += 1) {
      const { jobs: all } = await gateway.call(jobs.list, {});
      const both = all.filter(({ name }) => name === 'probe_limits' || name === 'refresh_tokens');
      if (both.every(({ outcome, startedAt }) => outcome === 'succeeded' && isRecent(startedAt))) return;
      await gateway.logged('job_done', nth);
    }
  }
});

describe('a clock that is put right by ten minutes', () => {
  it.each([
    ['forward', 10 * minute],
    ['back', -10 * minute],
  ])('%s loses no request and no work', async (_name, ms) => {
    const gateway = await gatewayUnderTest({ env: { OBAN_MODE: 'all' } });
    try {
      await gateway.link('anna');
      const secret = await gateway.key();
      gateway.clock.jumpWall(ms);
      gateway.clock.advance(1_000);
      expect((await askCodex(gateway, secret)).status).toBe(200);
      const { job } = await gateway.call(jobs.run, { name: 'probe_limits' });
      expect(job.outcome).toBe('succeeded');
      expect(job.nextAt!.getTime() - gateway.clock.now().getTime()).toBeLessThanOrEqual(2 * minute);
    } finally {
      await gateway.stop();
    }
  });
});
