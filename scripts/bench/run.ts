/** `npm run bench`: measures Codex Pooler against bare pipes, prints the tables and writes `docs/performance.md`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureChoices } from './choice.ts';
import { measureCompression } from './compression.ts';
import { measureAll, type RunSize } from './measure.ts';
import { percent } from './number-texts.ts';
import { renderPage } from './performance-page.ts';
import { profileGateway } from './profile.ts';
import { choiceTables, compressionTables, tablesOf } from './report.ts';
import { failuresOf, type Results } from './results.ts';
import { scenarioNamed, scenarios } from './scenarios.ts';
import { renderText, type Table } from './table.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

const usage = `npm run bench -- [--quick] [--rounds N] [--choice | --compression | --profile SCENARIO [--save FILE]]

  --quick             one short round and no page: does everything still run?
  --rounds N          rounds to measure (5; 1 with --quick)
  --choice            instead: what choosing one of a thousand accounts costs, in this process alone
  --compression       instead: what shortening the tool outputs of a large conversation costs, likewise
  --profile SCENARIO  instead: where our server spends its time in one scenario
                      (${scenarios.map(({ id }) => id).join(', ')})
  --save FILE         keeps that profile; the developer tools of Chrome open it (FILE.cpuprofile)
`;

const page = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));

const wholeSize = { oneByOne: 200, loadMs: 2_500, pacedEach: 4, warmStarts: 3, waves: 3 };
/** Everything once, in well under a minute. */
const quickSize = { oneByOne: 30, loadMs: 250, pacedEach: 1, warmStarts: 1, waves: 1 };
/** Rounds in which all strategies take turns; the best of each counts. */
const choiceRounds = 10;
const quickChoiceRounds = 2;
const compressionRounds = 5;
const quickCompressionRounds = 1;
const profileMs = 10_000;
const quickProfileMs = 2_000;

/** Above this the absolute numbers are worth little; the ratios still hold up to a point. */
const busyShare = 0.1;

interface Flags {
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly isChoice: boolean;
  readonly isCompression: boolean;
  readonly profile: string | undefined;
  readonly saveTo: string | undefined;
}

/** @throws Error in plain words for wrong flags. */
function readFlags(): Flags | 'help' {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      choice: { type: 'boolean', default: false },
      compression: { type: 'boolean', default: false },
      profile: { type: 'string' },
      save: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number of at least 1.');
  if (values.profile !== undefined) scenarioNamed(values.profile);
  return {
    isQuick: values.quick,
    rounds,
    isChoice: values.choice,
    isCompression: values.compression,
    profile: values.profile,
    saveTo: values.save,
  };
}

/** @returns sentences about failed requests; none in a good run. */
async function run(workshop: Workshop, flags: Flags): Promise<string[]> {
  const { isQuick, rounds, isChoice, isCompression, profile, saveTo } = flags;
  if (profile !== undefined) {
    const scenario = scenarioNamed(profile);
    const ms = isQuick ? quickProfileMs : profileMs;
    return profileGateway(workshop, { scenario, ms, print: console.log, saveTo });
  }
  const measuredCompression = () =>
    measureCompression({ rounds: isQuick ? quickCompressionRounds : compressionRounds });
  if (isCompression) return print(compressionTables(await measuredCompression()));
  const choices = measureChoices({ rounds: isQuick ? quickChoiceRounds : choiceRounds });
  if (isChoice) return print(choiceTables(choices));
  const compression = await measuredCompression();
  const size: RunSize = { ...(isQuick ? quickSize : wholeSize), rounds };
  const measured = await measureAll(workshop, { size, tell: (text) => console.error(`… ${text}`) });
  const results = { ...measured, choices, compression };
  show(results);
  const failures = failuresOf(results);
  if (!isQuick && failures.length === 0) {
    const before = await readFile(page, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    await writeFile(page, renderPage(results, before));
    console.log('docs/performance.md written.');
  }
  return failures;
}

/** @returns no failures. */
function print(tables: readonly Table[]): [] {
  for (const table of tables) console.log(renderText(table));
  return [];
}

function show(results: Results): void {
  const { machine, othersShare } = results;
  console.log(
    `\n${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.platform}, Node ${machine.node}\n`,
  );
  for (const table of tablesOf(results)) console.log(renderText(table));
  if (othersShare > busyShare) {
    console.log(
      `Other programs used ${percent(othersShare)} of the machine meanwhile: trust the ratios, not the numbers.\n`,
    );
  }
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags === 'help') return console.log(usage);
  const workshop = openWorkshop();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void workshop.close().finally(() => process.exit(130));
    });
  }
  try {
    const failures = await Promise.race([run(workshop, flags), workshop.died]);
    for (const failure of failures) console.error(`✘ ${failure}`);
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    await workshop.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // Not only the code: what was being measured may still wait for a process that is gone.
  process.exit(1);
}
