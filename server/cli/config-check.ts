/** `config check`: would the server start here, and if not, why? */
import type { Command } from 'commander';
import type { Config, Secrets } from '../environment.ts';
import type { World } from '../world/world.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { exitCodes, toCommandProblem } from './command-problem.ts';
import { checkDataFolder, checkPort, checkRootKeys, checkSchema, runningServer } from './config-checks.ts';
import { renderTable } from './plain-text.ts';
import { reachDatabase } from './reach-database.ts';

interface Check {
  readonly name: 'variables' | 'data folder' | 'database' | 'root keys' | 'port';
  /** `open`: could not be looked at, or there is nothing to look at yet. */
  readonly outcome: 'ok' | 'problem' | 'open';
  readonly detail: string;
}

/** A check is run by hand; whoever waits wants to know rather than to wait. */
const databaseLimitMs = 5_000;

export function addConfigCheckCommand(program: Command, cli: Cli): void {
  const description = 'Configuration: check';
  const group = addCommandGroup(program, { name: 'config', description, heading: 'Look after it:' });

  group
    .command('check')
    .description('Check variables, data folder, database, keys and port; exit code 0 or 78')
    .action(async () => {
      const checks = await runChecks(cli);
      const isGood = checks.every(({ outcome }) => outcome !== 'problem');
      cli.show({
        json: { ok: isGood, checks },
        text: renderChecks(checks, isGood),
        exitCode: isGood ? 0 : exitCodes.configuration,
      });
    });
}

async function runChecks(cli: Cli): Promise<Check[]> {
  const reading = cli.readEnvironment();
  if (!reading.ok) {
    return reading.problems.map(({ name, rule }) => ({
      name: 'variables',
      outcome: 'problem',
      detail: `${name} ${rule}`,
    }));
  }
  const { config, secrets } = reading;
  const checks: Check[] = [{ name: 'variables', outcome: 'ok', detail: variablesText(config) }];
  await cli.withWorld(async (world, interruptible) => {
    checks.push(await tryCheck('data folder', () => checkDataFolder(config, world)));
    if (checks.at(-1)?.outcome === 'ok')
      checks.push(...(await interruptible(databaseChecks(config, { secrets, world }))));
    checks.push(await tryCheck('port', async () => checkPort(config, await runningServer(config))));
  });
  return checks;
}

async function databaseChecks(
  config: Config,
  { secrets, world }: { secrets: Secrets; world: World },
): Promise<Check[]> {
  const parts = { config, secrets, world };
  const checks: Check[] = [];
  const reached = await reachDatabase(parts, { create: false, limitMs: databaseLimitMs }).catch((error: unknown) => {
    checks.push({ name: 'database', outcome: 'problem', detail: toCommandProblem(error).sentence });
    return undefined;
  });
  if (reached === undefined) return [...checks, { name: 'root keys', outcome: 'open', detail: 'need the database' }];
  if (reached === null) {
    return [
      { name: 'database', outcome: 'open', detail: 'will be made at the first start' },
      { name: 'root keys', outcome: 'open', detail: 'nothing is sealed with them yet' },
    ];
  }
  try {
    checks.push(await tryCheck('database', () => checkSchema(reached.db)));
    checks.push(await tryCheck('root keys', () => checkRootKeys(reached.db, parts)));
    return checks;
  } finally {
    await reached.stop();
  }
}

async function tryCheck(name: Check['name'], check: () => Promise<string>): Promise<Check> {
  try {
    return { name, outcome: 'ok', detail: await check() };
  } catch (error) {
    return { name, outcome: 'problem', detail: toCommandProblem(error).sentence };
  }
}

function variablesText({ ignoredNames, unknownNames }: Config): string {
  const notes = [
    ignoredNames.length > 0 ? `without effect: ${ignoredNames.join(', ')}` : '',
    unknownNames.length > 0 ? `unknown, perhaps misspelt: ${unknownNames.join(', ')}` : '',
  ].filter((note) => note !== '');
  return notes.join('; ') || 'they are right';
}

function renderChecks(checks: readonly Check[], isGood: boolean): string {
  const rows = checks.map(({ name, outcome, detail }) => [name, outcome, detail]);
  const verdict = isGood ? 'Codex Pooler can start here.' : 'Codex Pooler cannot start here until this is mended.';
  return `${renderTable([['CHECK', 'RESULT', 'WHAT WAS FOUND'], ...rows])}\n${verdict}\n`;
}
