/** `limit set`, `list`, `remove`: how much a key may use. */
import { Argument, InvalidArgumentError, type Command } from 'commander';
import { figureOf, termsOf } from '../contract/limit-words.ts';
import { limits, type KeyLimitUse } from '../contract/limits.ts';
import { limitUnits, limitWindows, limitWindowsOf, type LimitUnit, type LimitWindow } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { keyText, startOf } from './key-name.ts';
import { printable, renderMoment, renderTable } from './plain-text.ts';

const unitArgument = () => new Argument('<unit>', 'what is counted').choices(Object.keys(limitUnits));
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
    .argument('<maximum>', 'a whole number; for cost_micros dollars such as $2.50, or millionths of one', readMaximum)
    .option('--model <name>', 'only requests for this model; other limits of the key hold beside it')
    .description('Limit what a key may use')
    .addHelpText('after', `\nWindows of each unit:\n${windowsOfUnits()}`)
    .action(async (key: string, unit: LimitUnit, window: LimitWindow, maximum: number, { model }: ScopeOptions) => {
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
    .action(async (key: string, unit: LimitUnit, window: LimitWindow, { model }: ScopeOptions) => {
      const removed = await cli.withEndpoints(({ call }) =>
        call(limits.remove, { key: startOf(key), unit, window, model: model ?? null }),
      );
      cli.show({
        json: removed,
        text: `${startOf(key)} is no longer limited to ${printable(termsOf(removed.limit))}.\n`,
      });
    });
}

function readMaximum(text: string): number {
  const dollars = /^\$(\d{1,9}(?:\.\d{1,6})?)$/.exec(text)?.[1];
  if (dollars !== undefined) return Math.round(Number(dollars) * 1e6);
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, or dollars like $2.50.');
  return Number(text);
}

function renderLimits(rows: readonly KeyLimitUse[], now: Date): string {
  return renderTable([
    ['UNIT', 'WINDOW', 'MODEL', 'USED', 'MAXIMUM', 'FREE AGAIN'],
    ...rows.map(({ unit, window, model, used, maximum, freeAt }) => [
      unit,
      window,
      model ?? 'all',
      used === null ? '' : figureOf(unit, used),
      figureOf(unit, maximum),
      freeAt ? renderMoment(freeAt, now) : '',
    ]),
  ]);
}

function windowsOfUnits(): string {
  return Object.entries(limitWindowsOf)
    .map(([unit, windows]) => `  ${unit}: ${windows.join(', ')}\n`)
    .join('');
}
