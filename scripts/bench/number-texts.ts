/** How numbers are written in tables. What was not measured is a dash. */

export const missing = '–';

/** Milliseconds with as many places as mean something: `0.42`, `12.3`, `840`. */
export function milliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return missing;
  const size = Math.abs(ms);
  return ms.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
}

/** The same with its unit, in seconds from one second on: `840 ms`, `1.24 s`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return missing;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2).replace(/\.?0+$/, '')} s`;
}

/** Of what takes less than a millisecond: `62 µs`. */
export function microseconds(us: number): string {
  return Number.isFinite(us) ? `${Math.round(us)} µs` : missing;
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)}×` : missing;
}

/** Decimal megabytes. */
export function megabytes(bytes: number): string {
  return Number.isFinite(bytes) ? `${Math.round(bytes / 1e6)} MB` : missing;
}

/** Decimal kilobytes. */
export function kilobytes(bytes: number): string {
  return Number.isFinite(bytes) ? `${Math.round(bytes / 1e3)} kB` : missing;
}

export function perSecond(count: number): string {
  return Number.isFinite(count) ? Math.round(count).toLocaleString('en-US') : missing;
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : missing;
}
