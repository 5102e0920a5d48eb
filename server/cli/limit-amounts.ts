/** What limits count and how much, as people write it: money in US dollars. The contract counts it in micro-dollars. */
import { InvalidArgumentError } from 'commander';
import { LimitUnit, limitWindowsOf, type LimitWindow } from '../contract/vocabulary.ts';
import { printable } from './plain-text.ts';

const money = 'cost';

/** A unit of limits in the words of the command line. */
export type UnitWord = Exclude<LimitUnit, 'cost_micros'> | typeof money;

export function wordOf(unit: LimitUnit): UnitWord {
  return unit === 'cost_micros' ? money : unit;
}

/** The unit that the contract counts in. */
export function unitOf(word: UnitWord): LimitUnit {
  return word === money ? 'cost_micros' : word;
}

/** Every unit, as it may be typed. */
export const unitWords: readonly UnitWord[] = LimitUnit.options.map(wordOf);

/** The windows in which it can be limited, as a list. */
export function windowsOf(word: UnitWord): string {
  return limitWindowsOf[unitOf(word)].join(', ');
}

/** @throws {InvalidArgumentError} when the unit has no such window */
export function checkWindow(window: LimitWindow, word: UnitWord): void {
  if (limitWindowsOf[unitOf(word)].includes(window)) return;
  throw new InvalidArgumentError(`There is no limit of ${word} per "${window}": it takes ${windowsOf(word)}.`);
}

/**
 * The maximum of a limit in the contract's unit, without rounding.
 *
 * @throws {InvalidArgumentError} for what is no number of the unit, or more digits than it has
 */
export function readMaximum(text: string, word: UnitWord): number {
  const maximum = word === money ? readDollars(text) : /^\d{1,15}$/.test(text) ? Number(text) : null;
  if (maximum !== null) return maximum;
  const rule = word === money ? 'US dollars with at most six decimals, such as 20 or 0.50' : 'a whole number';
  throw new InvalidArgumentError(`"${printable(text)}" cannot be the maximum of ${word}: it is ${rule}.`);
}

/** Digit by digit: a decimal such as 4.35 times a million is not always whole. */
function readDollars(text: string): number | null {
  const [, whole, decimals = ''] = /^\$?(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  return whole === undefined ? null : Number(whole + decimals.padEnd(6, '0'));
}
