/** Old records through the real app: what is shown as due to go is what goes, and nothing that still counts. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobs } from '../../server/contract/jobs.ts';
import { retention } from '../../server/contract/retention.ts';
import type { RetentionClass } from '../../server/contract/vocabulary.ts';
import { batchSize } from '../../server/retention/retention-store.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

const tables: Record<RetentionClass, string> = {
  requests: 'requests',
  ledger: 'ledger_entries',
  usage: 'usage_hours',
  audit: 'audit_events',
  accounts: 'accounts',
  processes: 'server_processes',
  anchors: 'continuity_anchors',
  files: 'uploaded_files',
};

let gateway: GatewayUnderTest;
beforeEach(async () => {
  gateway = await gatewayUnderTest({ env: { OBAN_MODE: 'all' } });
  await gateway.call(jobs.run, { name: 'remove_old' });
  await gateway.call(jobs.run, { name: 'remove_expired' });
});
afterEach(() => gateway.stop());

describe('what the preview shows', () => {
  it('is what the jobs remove, class by class, with whatever belongs to it', async () => {
    await makeHistory();
    const { classes } = await gateway.call(retention.preview, {});
    const shown = Object.fromEntries(classes.map((each) => [each.class, each.rows]));
    expect(shown).toEqual({
      requests: 2,
      ledger: 2,
      usage: 1,
      audit: 1,
      accounts: 1,
      processes: 1,
      anchors: 1,
      files: 1,
    });
    const before = await countAll();
    await gateway.call(jobs.run, { name: 'remove_old' });
    await gateway.call(jobs.run, { name: 'remove_expired' });
    const after = await countAll();
    // Two runs asked for and one purge: three rows of the audit trail came while one went.
    const removed = Object.entries(before).map(([name, rows]) => [
      name,
      rows - after[name]! + (name === 'audit' ? 3 : 0),
    ]);
    expect(Object.fromEntries(removed)).toEqual({ ...shown, attempts: 2 });
    expect((await gateway.call(retention.preview, {})).classes.map(({ rows }) => rows)).toEqual(Array(8).fill(0));
  });

  it('names the oldest row and for how long its class is kept', async () => {
    await makeHistory();
    const { classes } = await gateway.call(retention.preview, {});
    const requests = classes.find((each) => each.class === 'requests')!;
    expect(requests.keepDays).toBe(30);
    const ageDays = (gateway.clock.now().getTime() - requests.oldestAt!.getTime()) / 86_400_000;
    expect(ageDays).toBeCloseTo(400, 2);
  });
});

describe('removing what is old', () => {
  it('leaves the ledger of the longest limit, open requests and hourly sums alone', async () => {
    await makeHistory();
    await gateway.call(jobs.run, { name: 'remove_old' });
    const { rows: open } = await gateway.database.pool.query(`select from requests where status = 'in_progress'`);
    expect(open).toHaveLength(1);
    const { rows: ledger } = await gateway.database.pool.query('select from ledger_entries');
    expect(ledger).toHaveLength(3);
    const { rows: hours } = await gateway.database.pool.query('select from usage_hours');
    expect(hours).toHaveLength(2);
  });

  it('leaves a trace of how much went', async () => {
    await makeHistory();
    await gateway.call(jobs.run, { name: 'remove_old' });
    const { rows } = await gateway.database.pool.query(
      `select actor, details from audit_events where action = 'retention.purged'`,
    );
    expect(rows).toEqual([
      { actor: 'system', details: { requests: 2, ledger: 2, usage: 1, audit: 1, accounts: 1, processes: 1 } },
    ]);
  });

  it('goes on batch by batch until nothing is left', async () => {
    await gateway.database.pool.query(
      `insert into audit_events (id, occurred_at, actor, action, outcome)
       select gen_random_uuid(), now() - interval '400 days', 'test', 'test', 'success' from generate_series(1, $1)`,
      [batchSize * 2 + 1],
    );
    const { job } = await gateway.call(jobs.run, { name: 'remove_old' });
    expect(job.doneCount).toBe(batchSize * 2 + 1);
  });

  it('keeps for ever where the setting is 0', async () => {
    const forEver = { 'retention.requests_days': 0, 'retention.ledger_days': 0, 'retention.usage_days': 0 };
    await gateway.change({ ...forEver, 'retention.audit_days': 0, 'retention.removed_days': 0 });
    await makeHistory();
    const { job } = await gateway.call(jobs.run, { name: 'remove_old' });
    expect(job.doneCount).toBe(0);
  });
});

it('the ledger cannot be cut below what a monthly limit counts', async () => {
  await expect(gateway.change({ 'retention.ledger_days': 34 })).rejects.toMatchObject({ code: 'invalid_request' });
  await gateway.change({ 'retention.ledger_days': 35 });
});

/** Rows of every class, some older than they are kept. */
async function makeHistory(): Promise<void> {
  const { pool } = gateway.database;
  await makeRequests(pool);
  await makeMovements(pool);
  await makeProcesses(pool);
  await makeExpiring(pool, await makeRemovedAccounts(pool));
}

type Connections = GatewayUnderTest['database']['pool'];

async function makeRequests(pool: Connections): Promise<void> {
  for (const [ageDays, status] of [
    [400, 'succeeded'],
    [31, 'failed'],
    [31, 'in_progress'],
    [29, 'succeeded'],
  ] as const) {
    const id = randomUUID();
    const at = daysAgo(ageDays);
    await pool.query(
      `insert into requests (id, api_key_name, api_key_prefix, process_number, endpoint, transport, route_class, status,
         usage_status, admitted_at) values ($1, 'k', 'p', 1, 'e', 'http_sse', 'proxy_stream', $2, 'usage_known', $3)`,
      [id, status, at],
    );
    await pool.query(
      `insert into attempts (request_id, number, id, account_label, transport, status, started_at)
       values ($1, 1, $2, 'a', 'http_sse', 'succeeded', $3)`,
      [id, randomUUID(), at],
    );
  }
}

/** What sums up: the ledger, the hours, and what administrators did. */
async function makeMovements(pool: Connections): Promise<void> {
  for (const ageDays of [400, 91, 89, 40, 1])
    await pool.query(
      `insert into ledger_entries (request_id, event, usage_status, requests, cost_status, created_at)
       values ($1, 'settlement', 'usage_known', 1, 'priced', $2)`,
      [randomUUID(), daysAgo(ageDays)],
    );
  for (const ageDays of [731, 400, 31])
    await pool.query('insert into usage_hours (hour, requests) values ($1, 1)', [daysAgo(ageDays)]);
  for (const ageDays of [366, 364])
    await pool.query(
      `insert into audit_events (id, occurred_at, actor, action, outcome) values ($1, $2, 't', 't', 'success')`,
      [randomUUID(), daysAgo(ageDays)],
    );
}

/** @returns the id of one that is not old enough to go */
async function makeRemovedAccounts(pool: Connections): Promise<string> {
  const accounts = [31, 29].map((ageDays) => ({ id: randomUUID(), deletedAt: daysAgo(ageDays) }));
  for (const { id, deletedAt } of accounts)
    await pool.query(
      `insert into accounts (id, label, chatgpt_account_id, onboarding, status, status_changed_at, created_at, deleted_at)
       values ($1::uuid, 'l', $1::uuid::text, 'import', 'deleted', $2, $2, $2)`,
      [id, deletedAt],
    );
  return accounts[1]!.id;
}

async function makeProcesses(pool: Connections): Promise<void> {
  for (const ageDays of [31, 29])
    await pool.query(
      `insert into server_processes (instance_id, host_name, pid, version, started_at) values ($1, 'h', 1, 'v', $2)`,
      [randomUUID(), daysAgo(ageDays)],
    );
  await pool.query(`update server_processes set started_at = $1 where number = 1`, [daysAgo(50)]);
}

/** What has an end of its own: anchors and files that lead to this account. */
async function makeExpiring(pool: Connections, accountId: string): Promise<void> {
  for (const [hash, days] of [
    ['a', 1],
    ['b', -1],
  ] as const)
    await pool.query(
      `insert into continuity_anchors (hash, kind, account_id, created_at, expires_at)
       values ($1, 'compaction', $2, now(), $3)`,
      [Buffer.from(hash), accountId, daysAgo(days)],
    );
  await gateway.key();
  for (const days of [1, -1])
    await pool.query(
      `insert into uploaded_files (id, key_id, account_id, size_bytes, purpose, extension, created_at, expires_at)
       select $1, id, $2, 1, 'user_data', '', now(), $3 from api_keys limit 1`,
      [`file_${days}`, accountId, daysAgo(days)],
    );
}

function daysAgo(days: number): Date {
  return new Date(gateway.clock.now().getTime() - days * 86_400_000);
}

async function countAll(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [name, table] of Object.entries({ ...tables, attempts: 'attempts' })) {
    const { rows } = await gateway.database.pool.query<{ count: string }>(`select count(*) from ${table}`);
    counts[name] = Number(rows[0]!.count);
  }
  return counts;
}
