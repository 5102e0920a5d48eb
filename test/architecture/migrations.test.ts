import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../server/database/connect.ts';
import { migrate } from '../../server/database/migrate.ts';
import { runProgram } from '../../server/database/run-program.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { quietLog } from '../support/quiet-log.ts';
import { repository } from './source-files.ts';

const names = readdirSync(`${repository}migrations`).toSorted();

describe('the migrations', () => {
  let empty: TestDatabase;
  let template: TestDatabase;
  beforeAll(async () => {
    empty = await testDatabase({ empty: true });
    template = await testDatabase();
  });
  afterAll(async () => {
    await empty.stop();
    await template.stop();
  });

  it('are numbered in one line, without gaps', () => {
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_name, index) => index + 1));
    for (const name of names) expect(name).toMatch(/^\d{4}_[a-z0-9_]+\.sql$/);
  });

  it('apply from nothing, and a second time change nothing', async () => {
    await migrate(empty.db, { log: quietLog });
    const first = await columnsOf(empty);
    expect(first.length).toBeGreaterThan(100);
    await migrate(empty.db, { log: quietLog });
    expect(await columnsOf(empty)).toEqual(first);
    expect(await columnsOf(template)).toEqual(first);
  });

  it('say what each table is for', () => {
    for (const name of names)
      expect(readFileSync(`${repository}migrations/${name}`, 'utf8'), name).toMatch(/^-- [A-Z]/);
  });

  it('are what the row types were made from', { timeout: 120_000 }, async () => {
    const script = `${repository}scripts/database-types.ts`;
    const { exitCode, output } = await runProgram(process.execPath, { args: [script, '--verify'] });
    expect(output).not.toContain('do not fit');
    expect(exitCode, output).toBe(0);
  });
});

async function columnsOf({ pool }: Pick<Database, 'pool'>): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
     where table_schema = 'public' and table_name not like 'kysely%' order by 1, 2`,
  );
  return rows;
}
