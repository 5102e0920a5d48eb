/** Limits as events, the usage document and refusals tell them, and what all sources have in common. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brief, readAt as now } from '../../test/support/brief-readings.ts';
import type { QuotaReading } from './quota.ts';
import { readQuotaError, readQuotaHeaders, readRateLimitsEvent, readUsage } from './read-quota.ts';
import { readRetryAfterMs } from './read-retry-after.ts';

const seconds = now.getTime() / 1000;

describe('a window as long as a week in the primary slot', () => {
  const resetAt = seconds + 1000;
  const slots = { used_percent: 22, reset_at: resetAt };
  it.each<readonly [string, readonly QuotaReading[]]>([
    [
      'headers',
      readQuotaHeaders(
        [
          ['x-codex-primary-used-percent', '22'],
          ['x-codex-primary-window-minutes', '10080'],
          ['x-codex-primary-reset-at', String(resetAt)],
        ],
        now,
      ).readings,
    ],
    [
      'event',
      readRateLimitsEvent(
        { type: 'codex.rate_limits', rate_limits: { primary: { ...slots, window_minutes: 10_080 } } },
        now,
      )!.readings,
    ],
    [
      'usage document',
      readUsage({ rate_limit: { primary_window: { ...slots, limit_window_seconds: 604_800 } } }, now)!.readings,
    ],
    [
      'error body',
      readQuotaError(
        { error: { type: 'usage_limit_reached', resets_at: resetAt, limit_window_minutes: 10_080 } },
        { observedAt: now },
      ),
    ],
  ])('is the weekly one (%s)', (_, readings) => {
    expect(readings.map(({ meter, windowMinutes }) => [meter, windowMinutes])).toEqual([['codex', 10_080]]);
    expect(readings[0]!.resetAt).toEqual(new Date(resetAt * 1000));
  });
});

describe('which clock a report was written by', () => {
  const windowOf = (window: object) => readUsage({ rate_limit: { primary_window: window } }, now)!.readings[0]!;
  it('is told by a reset that is said both ways', () => {
    const said = windowOf({
      used_percent: 1,
      limit_window_seconds: 18_000,
      reset_at: seconds + 90,
      reset_after_seconds: 120,
    });
    expect(said.statedAt).toEqual(new Date((seconds - 30) * 1000));
  });

  it('is unknown otherwise', () => {
    expect(
      windowOf({ used_percent: 1, limit_window_seconds: 18_000, reset_at: seconds + 90 }).statedAt,
    ).toBeUndefined();
    expect(
      windowOf({ used_percent: 1, limit_window_seconds: 18_000, reset_after_seconds: 9 }).statedAt,
    ).toBeUndefined();
  });
});

describe('the rate limit event', () => {
  it('reads both windows and the plan', () => {
    const evidence = readRateLimitsEvent(
      {
        type: 'codex.rate_limits',
        plan_type: 'plus',
        rate_limits: {
          allowed: true,
          limit_reached: false,
          primary: { used_percent: 42, window_minutes: 300, reset_at: seconds + 60 },
          secondary: { used_percent: 10, window_minutes: 10_080, reset_after_seconds: 90 },
        },
        credits: null,
      },
      now,
    );
    expect(brief(evidence!.readings)).toEqual([
      ['codex', 300, 42, 60],
      ['codex', 10_080, 10, 90],
    ]);
  });

  it('names the meter that the event names', () => {
    const evidence = readRateLimitsEvent(
      {
        type: 'codex.rate_limits',
        metered_limit_name: 'codex_bengalfox',
        rate_limits: { primary: { used_percent: 5, window_minutes: 300 } },
      },
      now,
    );
    expect(evidence!.readings[0]!.meter).toBe('codex_spark');
  });

  it.each([
    ['no limits at all', {}],
    ['limits of another shape', { rate_limits: 'full' }],
    ['windows of another shape', { rate_limits: { primary: [100], secondary: 'none' } }],
    ['a use that is no number', { rate_limits: { primary: { used_percent: {}, window_minutes: 300 } } }],
    ['a use below nothing', { rate_limits: { primary: { used_percent: -3, window_minutes: 300 } } }],
  ])('with %s says nothing', (_, rest) => {
    expect(readRateLimitsEvent({ type: 'codex.rate_limits', ...rest }, now)!.readings).toEqual([]);
  });

  it('is not any other event', () => {
    expect(readRateLimitsEvent({ type: 'response.created' }, now)).toBeNull();
  });
});

describe('the usage document', () => {
  const window = (used: number, length: number, resetAt: number | null = seconds + 60) => ({
    used_percent: used,
    limit_window_seconds: length,
    reset_after_seconds: 60,
    reset_at: resetAt,
  });

  it('tells windows apart by length, also when the weekly one comes first', () => {
    const evidence = readUsage(
      { plan_type: 'pro', rate_limit: { primary_window: window(22, 604_800), secondary_window: null } },
      now,
    );
    expect(brief(evidence!.readings)).toEqual([['codex', 10_080, 22, 60]]);
  });

  it('snaps lengths close to a known one and leaves odd ones', () => {
    const lengths = [17_990, 604_700, 2_592_000, 59 * 60].map(
      (length) => readUsage({ rate_limit: { primary_window: window(1, length) } }, now)!.readings[0]!.windowMinutes,
    );
    expect(lengths).toEqual([300, 10_080, 43_200, 59]);
  });

  it('reads usage-based plans, which have credits and no windows', () => {
    const evidence = readUsage(
      { plan_type: 'business', rate_limit: null, credits: { has_credits: true, unlimited: false, balance: '41.50' } },
      now,
    );
    expect(evidence).toMatchObject({ readings: [], plan: 'business', credits: { hasCredits: true, balance: '41.50' } });
  });

  it('reads additional limits under their own meter and skips empty windows', () => {
    const evidence = readUsage(
      {
        plan_type: 'plus',
        rate_limit: { primary_window: window(12, 18_000) },
        additional_rate_limits: [
          {
            limit_name: 'GPT-5.3-Codex-Spark',
            metered_feature: 'codex_bengalfox',
            rate_limit: { primary_window: window(100, 18_000) },
          },
          { limit_name: 'Other', rate_limit: { primary_window: {}, secondary_window: null } },
        ],
      },
      now,
    );
    expect(brief(evidence!.readings)).toEqual([
      ['codex', 300, 12, 60],
      ['codex_spark', 300, 100, 60],
    ]);
  });

  it('takes a refusal that no window explains for used up, until nobody knows when', () => {
    const limit = { allowed: false, limit_reached: true, primary_window: window(30, 18_000) };
    const { readings } = readUsage({ rate_limit: limit }, now)!;
    expect(brief(readings)).toEqual([
      ['codex', 300, 30, 60],
      ['codex', 0, 100, null],
    ]);
  });

  it('is not a page or an error', () => {
    expect(readUsage(undefined, now)).toBeNull();
    expect(readUsage({ detail: 'Unauthorized' }, now)).toBeNull();
  });
});

describe('a refusal', () => {
  const error = { type: 'usage_limit_reached', message: 'The usage limit has been reached', plan_type: 'plus' };

  it('is used up until resets_at, or for resets_in_seconds', () => {
    expect(brief(readQuotaError({ error: { ...error, resets_at: seconds + 3600 } }, { observedAt: now }))).toEqual([
      ['codex', 0, 100, 3600],
    ]);
    expect(brief(readQuotaError({ error: { ...error, resets_in_seconds: 90 } }, { observedAt: now }))).toEqual([
      ['codex', 0, 100, 90],
    ]);
  });

  it('whose reset is past by our clock is used up all the same: for as long as it says, else until nobody knows when', () => {
    const past = { ...error, resets_at: seconds - 600 };
    expect(brief(readQuotaError({ error: { ...past, resets_in_seconds: 90 } }, { observedAt: now }))).toEqual([
      ['codex', 0, 100, 90],
    ]);
    for (const body of [past, { ...past, resets_in_seconds: 0 }, { ...error, resets_in_seconds: -5 }])
      expect(brief(readQuotaError({ error: body }, { observedAt: now }))).toEqual([['codex', 0, 100, null]]);
  });

  it('is recognised as error frame, failed response and by code', () => {
    for (const body of [
      { type: 'error', status: 429, error },
      { type: 'response.failed', response: { error: { code: 'usage_limit_reached' } } },
      { error: { code: 'workspace_member_credits_depleted' } },
    ]) {
      expect(readQuotaError(body, { observedAt: now })).toHaveLength(1);
    }
  });

  it('of speed says nothing of limits', () => {
    expect(readQuotaError({ error: { type: 'rate_limit_exceeded' } }, { observedAt: now })).toEqual([]);
  });
});

describe('whatever the provider sends', () => {
  const inRange = (readings: readonly QuotaReading[]): void => {
    for (const reading of readings) {
      expect(reading.usedPercent).toBeGreaterThanOrEqual(0);
      expect(reading.usedPercent).toBeLessThanOrEqual(100);
      expect(Number.isInteger(reading.windowMinutes) && reading.windowMinutes >= 0).toBe(true);
      expect(reading.meter).toMatch(/^[a-z0-9_]+$/);
      if (reading.resetAt)
        expect(Math.abs(reading.resetAt.getTime() - now.getTime())).toBeLessThanOrEqual(400 * 86_400_000);
    }
  };
  const value = fc.oneof(fc.jsonValue(), fc.double(), fc.constantFrom('', 'True', '1e400', '-1', '150', 'NaN'));
  const window = fc.dictionary(
    fc.constantFrom(
      'used_percent',
      'window_minutes',
      'limit_window_seconds',
      'reset_at',
      'resets_at',
      'reset_after_seconds',
    ),
    value,
  );
  const limit = fc.record({
    allowed: value,
    limit_reached: value,
    primary: window,
    secondary_window: fc.oneof(window, value),
  });

  it('bodies never throw and values stay in range', () => {
    fc.assert(
      fc.property(fc.oneof(limit, value), value, (rateLimit, other) => {
        const readings = [
          readUsage(
            {
              rate_limit: rateLimit,
              plan_type: other,
              additional_rate_limits: [other, { limit_name: 'x', rate_limit: rateLimit }],
            },
            now,
          ),
          readUsage(other, now),
          readRateLimitsEvent(
            { type: 'codex.rate_limits', rate_limits: rateLimit, limit_id: other, credits: other },
            now,
          ),
        ].flatMap((evidence) => evidence?.readings ?? []);
        inRange(readings);
        inRange(readQuotaError({ error: other }, { observedAt: now }));
        inRange(readQuotaError({ error: { type: 'usage_limit_reached', resets_at: other } }, { observedAt: now }));
      }),
    );
  });

  it('headers never throw and values stay in range', () => {
    const name = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.string(), fc.constantFrom('used-percent', 'window-minutes', 'reset-at'))
        .map(([id, part]) => `x-codex${id}-primary-${part}`),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.oneof(fc.string(), fc.double().map(String)))),
        fc.string(),
        (headers, message) => {
          inRange(readQuotaHeaders(headers, now).readings);
          const wait = readRetryAfterMs({ header: headers[0]?.[1], message, now });
          if (wait !== null) expect(wait).toBeLessThanOrEqual(3_600_000);
        },
      ),
    );
  });
});
