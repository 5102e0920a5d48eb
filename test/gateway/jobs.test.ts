/** Recurring work through the real app: what runs when, in which process, and what is shown of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobs } from '../../server/contract/jobs.ts';
import { jobNames, type JobName } from '../../server/contract/vocabulary.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation } from '../support/one-installation.ts';

const hour = 60 * 60_000;
/** Kinds that are due again after any night. */
const often: readonly JobName[] = ['refresh_tokens', 'read_models', 'remove_expired'];
const everyKind = Object.keys(jobNames) as JobName[];

describe('a server that does everything', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await gatewayUnderTest({ env: { OBAN_MODE: 'all' } });
  });
  afterAll(() => gateway.stop());

  it('does each kind of work once when it starts, and shows it', async () => {
    await doneTimes(gateway, 1);
    const listed = await gateway.call(jobs.list, {});
    expect(listed.jobs.map(({ name }) => name)).toEqual(everyKind);
    for (const job of listed.jobs.filter(({ isOn }) => isOn)) {
      expect(job, job.name).toMatchObject({ outcome: 'succeeded', problem: null, failures: 0 });
      expect(job.nextAt!.getTime(), job.name).toBeGreaterThan(job.startedAt!.getTime());
    }
  });

  it('catches up with a night by doing each kind once', async () => {
    const before = countRuns(gateway);
    gateway.clock.advance(8 * hour);
    await doneTimes(gateway, 2, often);
    for (const name of often) expect(countRuns(gateway).get(name)! - before.get(name)!, name).toBe(1);
  });

  it('does work out of turn when it is asked to', async () => {
    const before = countRuns(gateway).get('refresh_tokens')!;
    const { job } = await gateway.call(jobs.run, { name: 'refresh_tokens' });
    expect(job.outcome).toBe('succeeded');
    expect(countRuns(gateway).get('refresh_tokens')).toBe(before + 1);
  });
});

describe('a server that only serves clients', () => {
  it('does no recurring work; a worker and a scheduler beside it do', async () => {
    const installation = await oneInstallation();
    try {
      const web = await installation.open({ env: { OBAN_MODE: 'web' } });
      const scheduler = await installation.open({ env: { OBAN_MODE: 'scheduler' } });
      const worker = await installation.open({ env: { OBAN_MODE: 'worker' } });
      installation.clock.advance(10_000);
      await doneTimes(worker, 1);
      expect([countRuns(web).size, countRuns(scheduler).size]).toEqual([0, 0]);
    } finally {
      await installation.stop();
    }
  });
});

/** Resolves when each of these kinds, or of all that are on, was done so often, all in all. */
async function doneTimes(gateway: GatewayUnderTest, times: number, of?: readonly JobName[]): Promise<void> {
  const names = of ?? (await gateway.call(jobs.list, {})).jobs.filter(({ isOn }) => isOn).map(({ name }) => name);
  for (let nth = 1; !names.every((name) => (countRuns(gateway).get(name) ?? 0) >= times); nth += 1)
    await gateway.logged('job_done', nth);
}

function countRuns(gateway: GatewayUnderTest): Map<JobName, number> {
  const counts = new Map<JobName, number>();
  for (const { event, facts } of gateway.log) {
    const name = facts['name'] as JobName;
    if (event === 'job_done') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
