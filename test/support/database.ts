/** A real, migrated database for one test file. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { inject } from 'vitest';
import { connectDatabase, type Database } from '../../server/database/connect.ts';
import { type TestCluster, withDatabase } from './postgres-cluster.ts';
import { quietLog } from './quiet-log.ts';

export interface TestDatabase extends Database {
  /** Address of this file's database, for parts that connect themselves. */
  readonly url: string;
}

/**
 * Clones the migrated template into a database of its own. `stop` closes the pool and drops it; call it in `afterAll`.
 *
 * @param options.empty True for a database without any table, for tests of the migrator itself.
 *
 * @example
 * const database = await testDatabase();
 * afterAll(() => database.stop());
 */
export async function testDatabase(options: { empty?: boolean; poolSize?: number } = {}): Promise<TestDatabase> {
  const { adminUrl, template } = await testCluster();
  const name = `test_${randomBytes(8).toString('hex')}`;
  // The files of a small template are copied faster than they are replayed through the log.
  await runOnce(
    adminUrl,
    `create database ${name} template ${options.empty ? 'template0' : template} strategy file_copy`,
  );
  const url = withDatabase(adminUrl, name);
  const database = connectDatabase({ url, poolSize: options.poolSize ?? 10, log: quietLog });
  let stopping: Promise<void> | undefined;
  const drop = async (): Promise<void> => {
    await database.stop();
    // Other parts of the test may still be connected; their connections end with the database.
    await runOnce(adminUrl, `drop database ${name} with (force)`);
  };
  return { url, db: database.db, pool: database.pool, stop: () => (stopping ??= drop()) };
}

/** The cluster of this run; the first to ask waits for it to start. */
async function testCluster(): Promise<TestCluster> {
  const socket = connect(inject('postgresBroker'), '127.0.0.1');
  await once(socket, 'connect');
  const answer = JSON.parse(await text(socket)) as TestCluster | { problem: string };
  if ('problem' in answer) throw new Error(`the test cluster did not start: ${answer.problem}`);
  return answer;
}

async function runOnce(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
