/** The options by which `pool create` and `pool set` name what a Pool routes by, one per field of its routing. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { PoolRouting } from '../contract/pools.ts';
import { strategies } from '../contract/vocabulary.ts';

type RoutingField = keyof PoolRouting;
type NumberField = 'ringSize' | 'floorPercent';

/** What each field is, in the order in which help and `pool show` name them. */
export const routingLabels: Readonly<Record<RoutingField, string>> = {
  strategy: 'which account comes first',
  ringSize: 'accounts that one request may try',
  floorPercent: 'percent of its limits that soonest_reset leaves to an account',
  stickyWebsocket: 'Codex conversations stay with the account that served them',
  stickyHttp: 'conversations of plain clients do, by their prompt cache key',
  promptCacheAffinity: 'requests with the same prompt cache key meet the same account',
  v1Compatibility: 'the /v1 routes are answered',
  requestCompression: 'tool outputs are shortened before they are sent on',
  imageGeneration: 'the image routes are answered',
};

const fields = Object.keys(routingLabels) as RoutingField[];

/** Adds `--strategy`, `--ring-size`, … to a command. */
export function addRoutingOptions(command: Command): Command {
  for (const field of fields) command.addOption(optionOf(field));
  return command;
}

/** The fields that were named on the command line. */
export function routingOf(options: Readonly<Record<string, unknown>>): Partial<PoolRouting> {
  return Object.fromEntries(fields.flatMap((field) => (field in options ? [[field, options[field]]] : [])));
}

function optionOf(field: RoutingField): Option {
  const name = `--${field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const option = (value: string) => new Option(`${name} <${value}>`, routingLabels[field]);
  if (field === 'strategy') return option('word').choices(Object.keys(strategies));
  if (field === 'ringSize' || field === 'floorPercent')
    return option('number').argParser((text) => readNumber(text, field));
  return option('on|off').argParser(readSwitch);
}

function readSwitch(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new InvalidArgumentError('It is on or off.');
}

function readNumber(text: string, field: NumberField): number {
  const { minValue, maxValue } = PoolRouting.shape[field];
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (PoolRouting.shape[field].safeParse(number).success) return number;
  throw new InvalidArgumentError(`It is a whole number from ${minValue} to ${maxValue}.`);
}
