import { afterAll, beforeAll, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { until } from '../support/until.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;

beforeAll(async () => {
  // Work that nobody here does.
  gateway = await gatewayUnderTest({ env: { OBAN_MODE: 'web' } });
  operator = commandLineBeside(gateway);
});
afterAll(() => gateway.stop());

it('job run says that the work is queued when nobody has done it within a minute, and where to look', async () => {
  const running = operator.run('job run refresh_tokens');
  await until(isQueued);
  gateway.clock.advance(60_000);
  const { exitCode, stdout } = await running;
  expect(exitCode).toBe(0);
  expect(stdout).toBe('refresh_tokens is queued. "codex-pooler job list" shows when it has run.\n');
});

async function isQueued(): Promise<boolean> {
  const { pool } = gateway.database;
  const { rows } = await pool.query(`select to_regclass('codex_pooler_jobs.job') is not null as "isThere"`);
  if (!(rows[0] as { isThere: boolean }).isThere) return false;
  const queued = await pool.query(`select from codex_pooler_jobs.job where singleton_key = 'refresh_tokens'`);
  return queued.rowCount === 1;
}
