/** Readings of limits for tests, at minutes after a beginning. */
import fc from 'fast-check';
import type { HeldWindow } from '../../server/accounts/merge-quota.ts';
import type { QuotaReading } from '../../server/accounts/quota.ts';
import type { QuotaSource } from '../../server/contract/vocabulary.ts';

const start = new Date('2026-11-22T06:00:00Z');

/** The instant so many minutes after the beginning. */
export const at = (minutes: number): Date => new Date(start.getTime() + minutes * 60_000);

/** A 5-hour window, 40 percent used, that resets after two hours. */
export function reading(over: Partial<QuotaReading> = {}): QuotaReading {
  return {
    meter: 'codex',
    windowMinutes: 300,
    usedPercent: 40,
    resetAt: at(120),
    observedAt: at(0),
    source: 'usage_api',
    ...over,
  };
}

/** The same as the only thing that is held of its window. */
export const held = (over: Partial<QuotaReading> = {}): HeldWindow => ({ reading: reading(over), doubtful: null });

const sources = ['usage_api', 'response_headers', 'stream_event', 'error_body'] satisfies QuotaSource[];

export const anyReading = fc.record({
  meter: fc.constant('codex'),
  windowMinutes: fc.constantFrom(0, 300, 10_080),
  usedPercent: fc.integer({ min: 0, max: 100 }),
  resetAt: fc.option(fc.integer({ min: -60, max: 600 }).map(at)),
  observedAt: fc.integer({ min: 0, max: 400 }).map(at),
  source: fc.constantFrom(...sources),
});
