/** Limits of keys in words, as refusals, the command line and pages show them. Pure. */
import type { KeyLimit, LimitRefusal } from './limits.ts';
import { limitUnits, limitWindows, type LimitUnit } from './vocabulary.ts';

/** @example termsOf({ unit: 'requests', window: 'day', model: null, maximum: 1000 }) // '1,000 requests per day' */
export function termsOf({ unit, window, model, maximum }: Omit<KeyLimit, 'id'>): string {
  const scope = model === null ? '' : ` for ${model}`;
  return `${amountOf(unit, maximum)} ${limitWindows[window]}${scope}`;
}

/** @example refusalOfLimit(refusal) // 'It allows 100 requests per day: 100 used, 1 asked for.' */
export function refusalOfLimit(refusal: LimitRefusal): string {
  const { unit, window, used, attempted } = refusal;
  const spent = `${figureOf(unit, used)} ${window === 'now' ? 'running' : 'used'}, `;
  return `It allows ${termsOf(refusal)}: ${window === 'request' ? '' : spent}${figureOf(unit, attempted)} asked for.`;
}

/** The number alone: `1,500`; money in dollars with cents, and with more digits where it takes them: `$0.000125`. */
export function figureOf(unit: LimitUnit, amount: number): string {
  if (unit !== 'cost_micros') return plain.format(amount);
  return dollars.format(amount / 1e6);
}

const plain = new Intl.NumberFormat('en-US');
const dollars = new Intl.NumberFormat('en-US', {
  style: 'currency',
  currency: 'USD',
  minimumFractionDigits: 2,
  maximumFractionDigits: 6,
});

/** `1 request`, `1,500 input tokens`, `$20.00`. */
function amountOf(unit: LimitUnit, amount: number): string {
  if (unit === 'cost_micros') return figureOf(unit, amount);
  const noun = unit === 'concurrency' ? limitUnits.requests : limitUnits[unit];
  return `${figureOf(unit, amount)} ${amount === 1 ? noun.replace(/s$/, '') : noun}`.toLowerCase();
}
