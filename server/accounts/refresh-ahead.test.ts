import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRefreshDue, refreshDueAt } from './refresh-ahead.ts';
import type { RefreshSchedule } from './refresh-store.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const start = new Date('2026-11-22T06:00:00Z');
const at = (ms: number): Date => new Date(start.getTime() + ms);

function account(over: Partial<RefreshSchedule> = {}): RefreshSchedule {
  return {
    id: 'account-1',
    status: 'active',
    credentialEpoch: 1,
    accessTokenExpiresAt: at(10 * day),
    refreshedAt: start,
    refreshNotBefore: null,
    createdAt: start,
    ...over,
  };
}
const dueAfter = (over: Partial<RefreshSchedule> = {}): number =>
  refreshDueAt(account(over)).getTime() - start.getTime();

describe('when tokens are due', () => {
  it('is on the eighth day at the latest, however long they live', () => {
    expect(dueAfter({ accessTokenExpiresAt: at(90 * day) })).toBeGreaterThan(7 * day);
    expect(dueAfter({ accessTokenExpiresAt: at(90 * day) })).toBeLessThanOrEqual(8 * day);
    expect(dueAfter({ accessTokenExpiresAt: null })).toBeLessThanOrEqual(8 * day);
  });

  it('is with a tenth of the life in hand, and never less than five minutes', () => {
    const short = dueAfter({ accessTokenExpiresAt: at(day) });
    expect(short).toBeLessThanOrEqual(0.9 * day);
    expect(short).toBeGreaterThanOrEqual(0.85 * day);
    const shortest = dueAfter({ accessTokenExpiresAt: at(20 * minute) });
    expect(shortest).toBeLessThanOrEqual(15 * minute);
    expect(shortest).toBeGreaterThanOrEqual(12.5 * minute);
  });

  it('is at once for an expired token, also after the clock jumped far ahead', () => {
    expect(isRefreshDue(account({ accessTokenExpiresAt: at(-1), refreshedAt: at(-10 * day) }), start)).toBe(true);
    expect(isRefreshDue(account(), at(400 * day))).toBe(true);
    expect(isRefreshDue(account(), start)).toBe(false);
  });

  it('is not minutes after a refresh, even if the token looks expired: then the clock here is wrong', () => {
    const odd = account({ accessTokenExpiresAt: at(-day) });
    expect(isRefreshDue(odd, at(4 * minute))).toBe(false);
    expect(isRefreshDue(odd, at(5 * minute))).toBe(true);
  });

  it('is after a failed refresh as soon as its wait is over', () => {
    const failed = account({ status: 'refresh_failed', refreshNotBefore: at(minute) });
    expect(isRefreshDue(failed, at(minute - 1))).toBe(false);
    expect(isRefreshDue(failed, at(minute))).toBe(true);
  });

  it('is not put off by a wait that was noted by a clock which has been set back since', () => {
    const failed = account({ status: 'refresh_failed', refreshNotBefore: at(365 * day) });
    expect(isRefreshDue(failed, start)).toBe(true);
  });

  it('is the same after a restart, and another one for the next credential and for other accounts', () => {
    expect(dueAfter()).toBe(dueAfter());
    const others = [
      dueAfter(),
      dueAfter({ credentialEpoch: 2 }),
      dueAfter({ id: 'account-2' }),
      dueAfter({ id: 'account-3' }),
    ];
    expect(new Set(others).size).toBe(4);
  });

  it('lies before the expiry for every account', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.nat(1000),
        fc.integer({ min: 1, max: 60 * 24 * 60 }),
        (id, credentialEpoch, minutes) => {
          const expiry = at(minutes * minute);
          const due = refreshDueAt(account({ id, credentialEpoch, accessTokenExpiresAt: expiry }));
          expect(due.getTime()).toBeLessThanOrEqual(expiry.getTime() - 5 * minute);
        },
      ),
    );
  });
});
