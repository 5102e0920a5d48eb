import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginning as now, makeAccount } from '../../../test/support/exchange.ts';
import type { QuotaReading } from '../../accounts/quota.ts';
import { accountStatuses, type AccountStatus } from '../../contract/vocabulary.ts';
import { poolUsage, type AccountReadings } from './pool-usage.ts';

const fiveHours = 300;
const week = 10_080;
const inMinutes = (minutes: number) => new Date(now.getTime() + minutes * 60_000);

describe("a Pool's limits", () => {
  it('are the mean use of its accounts per window, and the earliest reset to come', () => {
    const usage = poolUsage(
      [
        account([reading(fiveHours, 20, 60), reading(week, 50, 1_000)]),
        account([reading(fiveHours, 41, 30), reading(week, 90, 5_000)]),
      ],
      now,
    );
    expect(usage).toEqual({
      plan_type: 'pro',
      rate_limit: {
        allowed: true,
        limit_reached: false,
        primary_window: {
          used_percent: 31,
          limit_window_seconds: 18_000,
          reset_after_seconds: 1_800,
          reset_at: inMinutes(30).getTime() / 1000,
        },
        secondary_window: {
          used_percent: 70,
          limit_window_seconds: 604_800,
          reset_after_seconds: 60_000,
          reset_at: inMinutes(1_000).getTime() / 1000,
        },
      },
      credits: null,
      additional_rate_limits: null,
    });
  });

  it('count a window whose reset has passed as unused', () => {
    const { rate_limit } = poolUsage(
      [account([reading(fiveHours, 100, -1)]), account([reading(fiveHours, 50, 60)])],
      now,
    );
    expect(rate_limit).toMatchObject({
      allowed: true,
      primary_window: { used_percent: 25, reset_after_seconds: 3_600 },
    });
  });

  it('are reached only when every account has reached its own', () => {
    const usedUp = account([reading(fiveHours, 100, 60)]);
    expect(poolUsage([usedUp, account([reading(fiveHours, 99, 60)])], now).rate_limit.limit_reached).toBe(false);
    expect(poolUsage([usedUp, usedUp], now).rate_limit).toMatchObject({ allowed: false, limit_reached: true });
    expect(poolUsage([usedUp, account([])], now).rate_limit.allowed).toBe(true);
  });

  it('are of the accounts that may serve', () => {
    const rows = (Object.keys(accountStatuses) as AccountStatus[]).map((status) =>
      account([reading(fiveHours, status === 'active' ? 10 : status === 'refresh_failed' ? 20 : 100, 60)], { status }),
    );
    expect(poolUsage(rows, now).rate_limit.primary_window?.used_percent).toBe(15);
  });

  it('leave out limits of single models and windows of unsaid length', () => {
    const rows = [account([{ ...reading(fiveHours, 90, 60), meter: 'gpt-6-astra' }, reading(0, 100, 60)])];
    expect(poolUsage(rows, now).rate_limit).toMatchObject({ primary_window: null, secondary_window: null });
  });

  it('show the shortest and the longest of many windows, and one window once', () => {
    const rows = [account([reading(43_200, 3, 60), reading(fiveHours, 1, 60), reading(week, 2, 60)])];
    const { primary_window, secondary_window } = poolUsage(rows, now).rate_limit;
    expect([primary_window?.used_percent, secondary_window?.used_percent]).toEqual([1, 3]);
    expect(poolUsage([account([reading(week, 2, 60)])], now).rate_limit).toMatchObject({
      primary_window: { limit_window_seconds: 604_800 },
      secondary_window: null,
    });
  });

  it('of an empty Pool are a document all the same', () => {
    expect(poolUsage([], now)).toMatchObject({
      plan_type: 'unknown',
      rate_limit: { allowed: false, limit_reached: true, primary_window: null },
    });
  });

  it('name a plan only when all accounts have the same', () => {
    expect(poolUsage([account([], { plan: 'plus' }), account([], { plan: 'plus' })], now).plan_type).toBe('plus');
    expect(poolUsage([account([], { plan: 'plus' }), account([], { plan: 'pro' })], now).plan_type).toBe('unknown');
    expect(poolUsage([account([], { plan: null })], now).plan_type).toBe('unknown');
  });

  it('are whole numbers within bounds, and name nobody', () => {
    const anyReading = fc
      .record({
        windowMinutes: fc.constantFrom(0, fiveHours, week, 43_200, 77),
        usedPercent: fc.double({ min: 0, max: 100, noNaN: true }),
        resetAt: fc.option(
          fc.integer({ min: -100_000_000, max: 100_000_000 }).map((ms) => new Date(now.getTime() + ms)),
        ),
        observedAt: fc.integer({ min: -1_000_000, max: 0 }).map((ms) => new Date(now.getTime() + ms)),
      })
      .map((each): QuotaReading => ({ meter: 'codex', source: 'usage_api', ...each }));
    fc.assert(
      fc.property(fc.array(fc.array(anyReading, { maxLength: 4 }), { maxLength: 5 }), (accounts) => {
        const usage = poolUsage(
          accounts.map((readings) => account(readings)),
          now,
        );
        expect(JSON.stringify(usage)).not.toMatch(/anna|example\.com|null\.|NaN/);
        for (const window of [usage.rate_limit.primary_window, usage.rate_limit.secondary_window]) {
          if (!window) continue;
          for (const value of Object.values(window)) expect(Number.isInteger(value)).toBe(true);
          expect(window.used_percent).toBeGreaterThanOrEqual(0);
          expect(window.used_percent).toBeLessThanOrEqual(100);
          expect(window.reset_after_seconds).toBeGreaterThanOrEqual(0);
          expect(window.reset_at * 1000).toBeGreaterThanOrEqual(now.getTime());
        }
      }),
    );
  });
});

function account(readings: QuotaReading[], overrides: Parameters<typeof makeAccount>[0] = {}): AccountReadings {
  return { account: makeAccount(overrides), readings };
}

function reading(windowMinutes: number, usedPercent: number, resetInMinutes: number): QuotaReading {
  return {
    meter: 'codex',
    windowMinutes,
    usedPercent,
    resetAt: inMinutes(resetInMinutes),
    observedAt: now,
    source: 'usage_api',
  };
}
