/** A power cut in the middle of fifty streams: a real server process with its own Postgres, killed and started again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { settingsEndpoints } from '../../server/contract/settings.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { systemClock } from '../../server/world/real-world.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import { openCodex } from '../support/raw-codex.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';

const streams = 50;
let sandbox: Sandbox;
let dataFolder: string;
let server: ServerProcess;
let key: string;

const start = () =>
  startServer({ dataFolder, env: { CODEX_POOLER_UPSTREAM_URL: sandbox.url, CODEX_POOLER_AUTH_URL: sandbox.url } });

beforeAll(async () => {
  sandbox = await createSandbox({ clock: systemClock });
  dataFolder = await mkdtemp(join(tmpdir(), 'codex-pooler-kill-'));
  server = await start();
  const anna = sandbox.account('anna', { percentPerAnswer: 0 });
  await server.call(accounts.import, { authJson: anna.authJson(), pool: 'default', label: 'anna' });
  key = (await server.call(apiKeys.create, { name: 'test', pool: 'default' })).secret;
  await server.call(settingsEndpoints.change, { name: 'admission.proxy_stream.seats', value: streams });
});
afterAll(async () => {
  await server.stop();
  await sandbox.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

async function query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: await server.databaseUrl() });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('a server that is killed in the middle of fifty streams', () => {
  it('starts again, closes each request exactly once, and keeps nothing reserved', async () => {
    const whole = await askCodex(server, key, { thread: 'before' });
    expect(typesOf(await whole.text()).at(-1)).toBe('response.completed');
    sandbox.account('anna').always({ behaviour: 'N12', deltas: 10_000, everyMs: 20, bytes: 20 });
    const calls = Array.from({ length: streams }, (_, index) => openCodex(server, key, { thread: `cut-${index}` }));
    for (const call of calls) call.answer.catch(() => undefined);
    await Promise.all(calls.map((call) => call.until((text) => text.includes('response.output_text.delta'))));
    expect(await query(`select 1 from requests where status = 'in_progress'`)).toHaveLength(streams);

    await server.kill9();
    for (const call of calls) expect((await call.answer).ending).toBe('broken');
    sandbox.account('anna').forgetScript();
    server = await start();

    expect(await query(`select 1 from requests where status = 'in_progress'`)).toEqual([]);
    expect(
      await query(
        `select status, error_code, usage_status, count(*)::int as n from requests group by 1, 2, 3 order by 4`,
      ),
    ).toEqual([
      { status: 'succeeded', error_code: null, usage_status: 'usage_known', n: 1 },
      { status: 'failed', error_code: 'process_ended', usage_status: 'usage_unknown', n: streams },
    ]);
    expect(await query(`select event, count(*)::int as n from ledger_entries group by 1 order by 1`)).toEqual([
      { event: 'release', n: streams + 1 },
      { event: 'reservation', n: streams + 1 },
      { event: 'settlement', n: streams + 1 },
    ]);
    expect(await query(`select status, count(*)::int as n from attempts group by 1 order by 1`)).toEqual([
      { status: 'failed', n: streams },
      { status: 'succeeded', n: 1 },
    ]);
    const [reserved] = await query<Record<string, string>>(`
      select sum(requests)::int as requests, sum(total_tokens)::int as tokens, sum(cost_micros)::text as cost
      from ledger_entries where event <> 'settlement'`);
    expect(reserved).toMatchObject({ requests: 0, tokens: 0 });
    expect(Number(reserved?.['cost'])).toBe(0);
    // Unknown usage stays out of the hourly sums; what is known is what the provider reported.
    expect(
      await query(
        `select sum(requests)::int as requests, sum(usage_known)::int as known, sum(total_tokens)::int as tokens from usage_hours`,
      ),
    ).toEqual([{ requests: streams + 1, known: 1, tokens: 107 }]);
  });

  it('serves on with the same key and account', async () => {
    const answer = await askCodex(server, key, { thread: 'after' });
    expect(typesOf(await answer.text()).at(-1)).toBe('response.completed');
  });
});

describe('a Postgres whose connections all break in the middle of a stream', () => {
  it('loses no settlement', async () => {
    sandbox.account('anna').always({ behaviour: 'N12', deltas: 20, everyMs: 20, bytes: 20 });
    const call = openCodex(server, key, { thread: 'blink' });
    await call.until((text) => text.includes('response.output_text.delta'));
    await query(
      `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = current_user`,
    );
    const answer = await call.answer;
    expect(typesOf(answer.body.toString()).at(-1)).toBe('response.completed');
    sandbox.account('anna').forgetScript();
    await server.stop();
    server = await start();
    const [row] = await query<Record<string, unknown>>(
      `select status, usage_status from requests order by admitted_at desc limit 1`,
    );
    expect(row).toEqual({ status: 'succeeded', usage_status: 'usage_known' });
  });
});
