/** The arithmetic of the benchmark: percentiles, medians, and ratios that survive a noisy machine. */

/**
 * The smallest value that at least this share of all values does not exceed ("nearest rank").
 *
 * @param fraction 0.5 for the median rank, 0.99 for p99.
 * @returns NaN for no values, so that a missing measurement can never look like a good one.
 */
export function percentile(values: readonly number[], fraction: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((left, right) => left - right);
  const rank = Math.max(1, Math.ceil(fraction * sorted.length));
  return sorted[Math.min(rank, sorted.length) - 1] ?? Number.NaN;
}

/** The middle value; the mean of the two middle ones for an even count; NaN for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/**
 * The median of the rounds' own ratios. Both values of a pair were taken seconds apart, so a slow minute of the machine
 * hits both; dividing two medians would not have that protection.
 *
 * @returns NaN when no round has a denominator above zero.
 */
export function medianRatio(pairs: readonly (readonly [value: number, of: number])[]): number {
  const ratios = pairs.filter(([value, of]) => Number.isFinite(value) && of > 0).map(([value, of]) => value / of);
  return median(ratios);
}
