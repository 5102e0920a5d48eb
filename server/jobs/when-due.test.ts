import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobSchedule } from './job.ts';
import { nextRunAt, type LastRun } from './when-due.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const everyMinute: JobSchedule = { kind: 'every', everyMs: minute };
const nightly: JobSchedule = { kind: 'daily', atMinute: 3 * 60 + 17 };
const noon = new Date('2026-11-22T12:00:00Z');
const at = (ms: number) => new Date(noon.getTime() + ms);

function ran(over: Partial<LastRun> = {}): LastRun {
  return { startedAt: noon, outcome: 'succeeded', failures: 0, ...over };
}

describe('work that is done every minute', () => {
  it('is due at once when it never ran', () => {
    expect(nextRunAt(everyMinute, { last: null, now: noon })).toEqual(noon);
  });

  it('is due a minute after its last run began', () => {
    expect(nextRunAt(everyMinute, { last: ran(), now: at(5) })).toEqual(at(minute));
  });

  it('is due at once when the clock was set back by more than its interval', () => {
    const now = at(-10 * minute);
    expect(nextRunAt(everyMinute, { last: ran(), now })).toEqual(now);
  });
});

describe('work that is done nightly', () => {
  it('is due at the next such time of day', () => {
    expect(nextRunAt(nightly, { last: ran(), now: noon })).toEqual(new Date('2026-11-23T03:17:00Z'));
    const early = ran({ startedAt: new Date('2026-11-22T03:16:59Z') });
    expect(nextRunAt(nightly, { last: early, now: noon })).toEqual(new Date('2026-11-22T03:17:00Z'));
    const onTime = ran({ startedAt: new Date('2026-11-22T03:17:00Z') });
    expect(nextRunAt(nightly, { last: onTime, now: noon })).toEqual(new Date('2026-11-23T03:17:00Z'));
  });

  it('is due since then when the machine was asleep', () => {
    const last = ran({ startedAt: at(-3 * day) });
    expect(nextRunAt(nightly, { last, now: noon }) < noon).toBe(true);
  });
});

describe('work that fails', () => {
  it('is tried again later each time, up to five minutes for what is done often and an hour for the rest', () => {
    const waits = (schedule: JobSchedule) =>
      [1, 2, 3, 4, 5, 6, 7, 8, 100].map((failures) => {
        const last = ran({ outcome: 'failed', failures });
        return (nextRunAt(schedule, { last, now: noon }).getTime() - noon.getTime()) / 1000;
      });
    expect(waits(everyMinute)).toEqual([30, 60, 120, 240, 300, 300, 300, 300, 300]);
    expect(waits(nightly)).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
  });
});

describe('whatever the schedule', () => {
  const schedule: fc.Arbitrary<JobSchedule> = fc.oneof(
    fc.integer({ min: 1_000, max: day }).map((everyMs) => ({ kind: 'every' as const, everyMs })),
    fc.integer({ min: 0, max: 1439 }).map((atMinute) => ({ kind: 'daily' as const, atMinute })),
  );
  const outcome = fc.constantFrom('succeeded' as const, 'failed' as const);
  const last = fc.record({
    startedAt: fc.date({ min: at(-30 * day), max: at(30 * day), noInvalidDate: true }),
    outcome,
    failures: fc.integer({ min: 0, max: 50 }),
  });

  it('a sleep of any length is caught up with by one run', () => {
    fc.assert(
      fc.property(schedule, last, fc.integer({ min: 0, max: 400 * day }), (when, before, sleptMs) => {
        const now = new Date(before.startedAt.getTime() + sleptMs);
        const due = nextRunAt(when, { last: before, now });
        if (due > now) return;
        const after = { startedAt: now, outcome: 'succeeded' as const, failures: 0 };
        expect(nextRunAt(when, { last: after, now }) > now).toBe(true);
      }),
    );
  });

  it('no change of the clock delays it by more than two of its intervals', () => {
    fc.assert(
      fc.property(schedule, last, fc.integer({ min: -400 * day, max: 400 * day }), (when, before, jumpMs) => {
        const now = new Date(before.startedAt.getTime() + jumpMs);
        const period = when.kind === 'every' ? when.everyMs : day;
        const wait = nextRunAt(when, { last: before, now }).getTime() - now.getTime();
        expect(wait).toBeLessThanOrEqual(Math.max(2 * period, hour));
      }),
    );
  });
});
