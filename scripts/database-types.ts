/**
 * Writes `server/database/tables.generated.ts` from a freshly migrated throwaway database. With `--verify` it writes
 * nothing and exits 1 when the file is stale.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../server/database/run-program.ts';
import { startThrowawayPostgres, withDatabase } from '../test/support/postgres-cluster.ts';

const target = fileURLToPath(new URL('../server/database/tables.generated.ts', import.meta.url));
const generator = fileURLToPath(new URL('../node_modules/kysely-codegen/dist/cli/bin.js', import.meta.url));

/** What the pool's parsers really deliver (`connect.ts`): bigint as number, days as text. */
const typeMapping = { int8: 'number', date: 'string' };

async function generate(): Promise<string> {
  const postgres = await startThrowawayPostgres();
  const draft = join(tmpdir(), `tables-${process.pid}.ts`);
  try {
    const url = withDatabase(postgres.cluster.adminUrl, postgres.cluster.template);
    const args = ['--dialect', 'postgres', '--url', url, '--out-file', draft, '--camel-case'];
    args.push('--type-mapping', JSON.stringify(typeMapping), '--exclude-pattern', 'kysely_*');
    const { exitCode, output } = await runProgram(process.execPath, { args: [generator, ...args] });
    if (exitCode !== 0) throw new Error(`kysely-codegen failed:\n${output}`);
    return await readFile(draft, 'utf8');
  } finally {
    await rm(draft, { force: true });
    await postgres.stop();
  }
}

const fresh = await generate();
if (!process.argv.includes('--verify')) {
  await writeFile(target, fresh);
  console.log(`${target} written.`);
} else if ((await readFile(target, 'utf8').catch(() => '')) !== fresh) {
  console.error('The row types do not fit the migrations. Run: npm run database-types');
  process.exitCode = 1;
}
