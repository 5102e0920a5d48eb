import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../test/support/database.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { StartProblem } from '../data-folder/start-problem.ts';
import { connectDatabase } from './connect.ts';
import { migrate, migrationStatus } from './migrate.ts';

let database: TestDatabase;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  database = await testDatabase({ empty: true });
});
afterEach(async () => {
  await database.stop();
  await rm(folder, { recursive: true });
});

async function file(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.sql`), text);
}

function run(): Promise<string[]> {
  return migrate(database.db, { log: quietLog, folder });
}

describe('migrate', () => {
  it('applies files in order, several statements each, and only once', async () => {
    await file(
      '0002_fruit_names',
      `insert into fruit (name) values ('apple'); insert into fruit (name) values ('pear');`,
    );
    await file(
      '0001_fruit',
      '-- a comment; with a semicolon\ncreate table fruit (id int generated always as identity, name text);',
    );
    expect(await run()).toEqual(['0001_fruit', '0002_fruit_names']);
    expect(await run()).toEqual([]);
    await file('0003_more', `insert into fruit (name) values ('plum');`);
    expect(await run()).toEqual(['0003_more']);
    const { rows } = await sql`select name from fruit order by id`.execute(database.db);
    expect(rows).toEqual([{ name: 'apple' }, { name: 'pear' }, { name: 'plum' }]);
  });

  it('applies each file once when several processes start together', async () => {
    await file('0001_counter', 'create table counter (n int); insert into counter values (1); select pg_sleep(0.05);');
    await file('0002_count', 'update counter set n = n + 1;');
    const others = [1, 2, 3].map(() => connectDatabase({ url: database.url, poolSize: 2, log: quietLog }));
    const runs = await Promise.all(others.map((other) => migrate(other.db, { log: quietLog, folder })));
    expect(runs.map((names) => names.length).toSorted()).toEqual([0, 0, 2]);
    expect((await sql`select n from counter`.execute(database.db)).rows).toEqual([{ n: 2 }]);
    await Promise.all(others.map((other) => other.stop()));
  });

  it('keeps the files before a broken one and nothing of the broken one', async () => {
    await file('0001_fine', 'create table fine (n int);');
    await file('0002_broken', 'create table half (n int); select * from nowhere;');
    const problem = await run().catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(StartProblem);
    expect(problem).toMatchObject({
      code: 'migration_failed',
      sentence: expect.stringMatching(/0002_broken failed \(42P01\)/),
    });
    const { rows } =
      await sql`select to_regclass('fine') is not null as fine, to_regclass('half') is not null as half`.execute(
        database.db,
      );
    expect(rows).toEqual([{ fine: true, half: false }]);
    await file('0002_broken', 'create table half (n int);');
    expect(await run()).toEqual(['0002_broken']);
  });

  it('lifts the limit for statements while it works and puts it back', async () => {
    const narrow = connectDatabase({ url: database.url, poolSize: 1, log: quietLog });
    await sql`set statement_timeout = '20ms'`.execute(narrow.db);
    await file('0001_slow', 'create table slow (n int); select pg_sleep(0.1);');
    expect(await migrate(narrow.db, { log: quietLog, folder })).toEqual(['0001_slow']);
    const { rows } = await sql`show statement_timeout`.execute(narrow.db);
    expect(rows).toEqual([{ statementTimeout: '30s' }]);
    await narrow.stop();
  });

  it('refuses a schema that a newer version made, and says which', async () => {
    await file('0001_one', 'create table one (n int);');
    await file('0002_two', 'create table two (n int);');
    await run();
    await rm(join(folder, '0002_two.sql'));
    await expect(run()).rejects.toMatchObject({
      code: 'database_newer',
      exitCode: 78,
      sentence: expect.stringMatching(/newer version.*0002_two.*up to 0001_one/),
    });
  });

  it('refuses names without a number and two files with one number', async () => {
    await file('one', '');
    await expect(run()).rejects.toThrow(/NNNN_subject/);
    await rm(join(folder, 'one.sql'));
    await file('0001_a', '');
    await file('0001_b', '');
    await expect(run()).rejects.toThrow(/number 0001/);
  });
});

describe('migrationStatus', () => {
  it('tells applied, pending and unknown files apart', async () => {
    await file('0001_one', 'create table one (n int);');
    await file('0002_two', 'create table two (n int);');
    expect(await migrationStatus(database.db, folder)).toEqual({
      applied: [],
      pending: ['0001_one', '0002_two'],
      unknown: [],
    });
    await run();
    await rm(join(folder, '0002_two.sql'));
    await file('0003_three', '');
    expect(await migrationStatus(database.db, folder)).toEqual({
      applied: ['0001_one', '0002_two'],
      pending: ['0003_three'],
      unknown: ['0002_two'],
    });
  });
});
