/** Random histories through the real statements, many at once: the books say what the provider reported, once. */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import {
  anyHistory,
  beginLife,
  nanosOf,
  truthOf,
  type History,
  type Life,
} from '../../test/support/ledger-histories.ts';
import { makeHousehold, type Household } from '../../test/support/ledger-rows.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { advisoryLocks } from '../database/advisory-lock.ts';
import { systemClock } from '../world/real-world.ts';
import { reserveRequests } from './reservation-store.ts';
import { settleRequests } from './settle-requests.ts';
import { sweepDeadProcesses } from './sweep.ts';

const histories = 100_000;
const batch = 5_000;
const group = 250;
/** Processes by the round in which others take them for dead; nobody ever takes the first for dead. */
const everLiving = 1;
const rounds = [0, 1, 2, 3];
const processDyingIn = (round: number) => 100 + round;

let database: TestDatabase;
let lifeSigns: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  lifeSigns = new pg.Client({ connectionString: database.url });
  await lifeSigns.connect();
});
afterAll(async () => {
  await lifeSigns.end();
  await database.stop();
});

describe('whatever becomes of requests', () => {
  it('sums per hour, ledger and what the provider reported are the same', async () => {
    const seed = 20_261_127;
    for (let from = 0; from < histories; from += batch) {
      const sample = fc.sample(anyHistory, { numRuns: Math.min(batch, histories - from), seed: seed + from });
      const house = await makeHousehold(database.db);
      const lives = sample.map((history) => beginLife(history, { house, processNumber: processOf(history) }));
      await live(lives);
      expect(await wrongRequests(lives)).toEqual([]);
      expect(await sumsPerHour(house)).toEqual(expectedPerHour(lives));
    }
  }, 300_000);
});

function processOf({ words }: History): number {
  const round = words.indexOf('sweep');
  return round < 0 ? everLiving : processDyingIn(round);
}

async function live(lives: readonly Life[]): Promise<void> {
  for (const round of rounds) await lock('pg_advisory_lock', processDyingIn(round));
  await inGroups(lives, (some) =>
    reserveRequests(
      database.pool,
      some.map(({ reservation }) => reservation),
    ),
  );
  for (const round of rounds) {
    await lock('pg_advisory_unlock', processDyingIn(round));
    const speaking = lives.filter(({ history }) => history.words[round] === 'owner');
    const said = () =>
      inGroups(speaking, (some) =>
        settleRequests(
          database.pool,
          some.map(({ settlement }) => settlement),
        ),
      );
    // Two sweeps at once, and the owners meanwhile: the order within a round is left to chance.
    await Promise.all([sweep(), said(), sweep()]);
  }
}

async function inGroups(lives: readonly Life[], write: (some: readonly Life[]) => Promise<unknown>): Promise<void> {
  const groups = Array.from({ length: Math.ceil(lives.length / group) }, (_each, n) =>
    lives.slice(n * group, (n + 1) * group),
  );
  await Promise.all(groups.map(write));
}

async function lock(call: 'pg_advisory_lock' | 'pg_advisory_unlock', processNumber: number): Promise<void> {
  await lifeSigns.query(`select ${call}($1::int, $2::int)`, [advisoryLocks.processClass, processNumber]);
}

function sweep(): Promise<number> {
  const { db, pool } = database;
  return sweepDeadProcesses({ db, pool, clock: systemClock, log: quietLog, processNumber: everLiving });
}

/** Requests of which the books say something else than what is true, with both. */
async function wrongRequests(lives: readonly Life[]): Promise<unknown[]> {
  const { rows } = await database.pool.query<Record<string, string | number | null> & { id: string }>(
    `select request.id, request.status, request.usage_status, request.error_code, request.account_id,
       request.attempt_count::int, sum(entry.requests)::int as requests, sum(entry.total_tokens)::text as tokens,
       sum(entry.cost_micros)::text as micros,
       (select count(*)::int from attempts where request_id = request.id and status <> 'in_progress') as attempts
     from requests request join ledger_entries entry on entry.request_id = request.id
     where request.pool_id = $1 group by request.id`,
    [lives[0]?.reservation.poolId],
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  return lives.flatMap((life) => {
    const truth = truthOf(life);
    const row = found.get(life.reservation.requestId);
    const inBooks = row && {
      status: row['status'],
      usageStatus: row['usage_status'],
      errorCode: row['error_code'],
      attempts: row['attempts'],
      accountId: row['account_id'],
      requests: row['requests'],
      tokens: Number(row['tokens']),
      nanos: nanosOf(row['micros'] as string | null),
    };
    const { reported: _reported, ...expected } = truth;
    const isRight =
      inBooks !== undefined &&
      row?.['attempt_count'] === expected.attempts &&
      Object.entries(expected).every(([name, value]) => inBooks[name as keyof typeof inBooks] === value);
    return isRight ? [] : [{ history: life.history, inBooks, expected }];
  });
}

type Sums = Record<string, Record<string, string>>;

async function sumsPerHour({ poolId }: Household): Promise<Sums> {
  const { rows } = await database.pool.query<Record<string, string>>(
    `select hour, api_key_id, account_id, model, requests, succeeded, failed, cancelled, attempts, usage_known,
       input_tokens, cached_tokens, total_tokens, cost_micros::text as cost_micros from usage_hours where pool_id = $1`,
    [poolId],
  );
  return sorted(
    rows.map(({ hour, api_key_id, account_id, model, cost_micros, ...sums }) => [
      [new Date(hour ?? '').toISOString(), api_key_id, account_id, model].join(' '),
      { ...texts(sums), nanos: String(nanosOf(cost_micros ?? null)) },
    ]),
  );
}

function expectedPerHour(lives: readonly Life[]): Sums {
  const hours = new Map<string, Record<string, bigint>>();
  const add = (life: Life, { accountId, parts }: { accountId: string | null; parts: Record<string, bigint> }) => {
    const { admittedAt, keyId, model } = life.reservation;
    const name = [
      new Date(Math.floor(admittedAt.getTime() / 3_600_000) * 3_600_000).toISOString(),
      keyId,
      accountId,
      model,
    ].join(' ');
    const sums = hours.get(name) ?? Object.fromEntries(sumNames.map((each) => [each, 0n]));
    for (const [part, count] of Object.entries(parts)) sums[part] = (sums[part] ?? 0n) + count;
    hours.set(name, sums);
  };
  for (const life of lives) {
    const { status, attempts, accountId, reported } = truthOf(life);
    add(life, { accountId, parts: { requests: 1n, [status]: 1n, attempts: BigInt(attempts) } });
    for (const use of reported) {
      const parts = {
        usage_known: use.event === 'settlement' ? 1n : 0n,
        input_tokens: BigInt(use.inputTokens ?? 0),
        cached_tokens: BigInt(use.cachedTokens ?? 0),
        total_tokens: BigInt(use.totalTokens ?? 0),
        nanos: nanosOf(use.costMicros),
      };
      add(life, { accountId: use.accountId, parts });
    }
  }
  return sorted([...hours].map(([name, sums]) => [name, texts(sums)]));
}

const sumNames =
  'requests succeeded failed cancelled attempts usage_known input_tokens cached_tokens total_tokens nanos'.split(' ');

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** Hours in which nothing is left count as none: a request may have been taken out of one account and put into another. */
function sorted(entries: [string, Record<string, string>][]): Sums {
  const filled = entries.filter(([, sums]) => Object.values(sums).some((sum) => sum !== '0'));
  return Object.fromEntries(filled.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
