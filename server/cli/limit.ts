/** `limit set`, `list`, `remove`: how much a key may use. */
import { Argument, type Command } from 'commander';
import { figureOf, termsOf } from '../contract/limit-words.ts';
import { limits, type KeyLimitUse } from '../contract/limits.ts';
import { limitWindows, type LimitWindow } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { keyText, startOf } from './key-name.ts';
import { checkWindow, readMaximum, unitOf, unitWords, windowsOf, wordOf, type UnitWord } from './limit-amounts.ts';
import { printable, renderMoment, renderTable } from './plain-text.ts';

const unitArgument = () => new Argument('<unit>', 'what is counted; "cost" is money').choices(unitWords);
const windowArgument = () =>
  new Argument('<window>', 'over which time; "request" for each request, "now" for concurrency').choices(
    Object.keys(limitWindows),
  );

interface ScopeOptions {
  readonly model?: string;
}

export function addLimitCommands(program: Command, cli: Cli): void {
  const description = 'Limits of keys: set, list, remove';
  const group = addCommandGroup(program, { name: 'limit', description, heading: 'Keys and pools:' });

  group
    .command('set')
    .argument('<key>', keyText)
    .addArgument(unitArgument())
    .addArgument(windowArgument())
    .argument('<maximum>', 'a whole number; for cost US dollars such as 20 or 0.50')
    .option('--model <name>', 'only requests for this model; other limits of the key hold beside it')
    .description('Limit what a key may use')
    .addHelpText('after', `\nWindows of each unit:\n${windowsOfUnits()}`)
    .action(async (key: string, word: UnitWord, window: LimitWindow, amount: string, { model }: ScopeOptions) => {
      const unit = unitOf(word);
      checkWindow(window, word);
      const maximum = readMaximum(amount, word);
      const set = await cli.withEndpoints(({ call }) =>
        call(limits.set, { key: startOf(key), unit, window, maximum, model: model ?? null }),
      );
      cli.show({ json: set, text: `${startOf(key)} is limited to ${printable(termsOf(set.limit))} now.\n` });
    });

  group
    .command('list')
    .argument('<key>', keyText)
    .description('Show the limits of a key, what is used of them, and when there is room again')
    .action(async (key: string) => {
      const listed = await cli.withEndpoints(({ call }) => call(limits.list, { key: startOf(key) }));
      const none = 'It has no limits. Set one with: codex-pooler limit set <key> requests day 1000\n';
      cli.show({
        json: listed,
        text: listed.limits.length === 0 ? none : renderLimits(listed.limits, cli.clock.now()),
      });
    });

  group
    .command('remove')
    .argument('<key>', keyText)
    .addArgument(unitArgument())
    .addArgument(windowArgument())
    .option('--model <name>', 'the limit for this model')
    .description('Lift a limit')
    .action(async (key: string, word: UnitWord, window: LimitWindow, { model }: ScopeOptions) => {
      const removed = await cli.withEndpoints(({ call }) =>
        call(limits.remove, { key: startOf(key), unit: unitOf(word), window, model: model ?? null }),
      );
      cli.show({
        json: removed,
        text: `${startOf(key)} is no longer limited to ${printable(termsOf(removed.limit))}.\n`,
      });
    });
}

function renderLimits(rows: readonly KeyLimitUse[], now: Date): string {
  return renderTable([
    ['UNIT', 'WINDOW', 'MODEL', 'USED', 'MAXIMUM', 'FREE AGAIN'],
    ...rows.map(({ unit, window, model, used, maximum, freeAt }) => [
      wordOf(unit),
      window,
      model ?? 'all',
      used === null ? '' : figureOf(unit, used),
      figureOf(unit, maximum),
      freeAt ? renderMoment(freeAt, now) : '',
    ]),
  ]);
}

function windowsOfUnits(): string {
  return unitWords.map((word) => `  ${word}: ${windowsOf(word)}\n`).join('');
}
