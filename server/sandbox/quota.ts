/**
 * What an account has used: windows that fill with every answer and empty by the clock. Answer headers, the
 * `codex.rate_limits` event and the usage endpoint all read this one state (wire spec A10, B9).
 */
import type { Clock } from '../world/world.ts';

/** A quota window as a test describes it. */
export interface WindowSeed {
  /** Length: 300 is the five-hour window, 10080 the weekly one, 43200 the one of free plans (wire spec A10). */
  readonly minutes: number;
  readonly usedPercent?: number | undefined;
  /** Seconds from now until it empties; the whole length when absent. Negative: a reset in the past, kept as it is. */
  readonly resetsInSeconds?: number | undefined;
}

export interface Credits {
  readonly hasCredits: boolean;
  readonly unlimited: boolean;
  /** Decimal text, as on the wire. */
  readonly balance: string | null;
}

/** A meter beside the main one, such as a limit for a single model. */
export interface AdditionalLimit {
  readonly limitName: string;
  readonly meteredFeature: string;
  readonly windows: readonly WindowSeed[];
}

interface Window {
  readonly minutes: number;
  usedPercent: number;
  resetAtMs: number;
  /** A window seeded with a reset in the past stays stale, as the real endpoint sometimes shows it. */
  readonly stale: boolean;
}

export interface QuotaSeed {
  readonly windows: readonly WindowSeed[];
  readonly credits: Credits | null;
  readonly additionalLimits: readonly AdditionalLimit[];
  /** What one answer adds to the shortest window, in percent; a longer window gets its share by length. */
  readonly percentPerAnswer: number;
}

export interface Quota {
  /** Counts one answer. */
  add(): void;
  setWindows(windows: readonly WindowSeed[]): void;
  setCredits(credits: Credits | null): void;
  setAdditionalLimits(limits: readonly AdditionalLimit[]): void;
  /** Fills the shortest window until so many seconds from now. Without windows nothing changes. */
  exhaust(resetsInSeconds: number): void;
  /** Empties every window at once, as a redeemed reset credit does. Returns how many had something in them. */
  resetWindows(): number;
  /** When the full window empties (unix seconds), or undefined while there is room or credits pay for the work. */
  exhaustedUntil(): number | undefined;
  headers(plan: string): Record<string, string>;
  rateLimitsEvent(plan: string): { type: string; [key: string]: unknown };
  /** The fields of the usage answer that speak about quota. */
  usageFields(): Record<string, unknown>;
}

const slots = ['primary', 'secondary'] as const;

export function createQuota(clock: Clock, seed: QuotaSeed): Quota {
  let windows = seed.windows.map(open);
  let credits = seed.credits;
  let additionalLimits = seed.additionalLimits;

  function open(window: WindowSeed): Window {
    const resetsInSeconds = window.resetsInSeconds ?? window.minutes * 60;
    const resetAtMs = clock.now().getTime() + resetsInSeconds * 1000;
    const usedPercent = window.usedPercent ?? 0;
    return { minutes: window.minutes, usedPercent, resetAtMs, stale: resetsInSeconds < 0 };
  }

  function current(): readonly Window[] {
    const nowMs = clock.now().getTime();
    for (const window of windows) {
      if (window.stale || window.resetAtMs > nowMs) continue;
      const lengthMs = window.minutes * 60_000;
      window.resetAtMs += Math.ceil((nowMs - window.resetAtMs + 1) / lengthMs) * lengthMs;
      window.usedPercent = 0;
    }
    return windows;
  }

  const isFull = (window: Window) => window.usedPercent >= 100;
  const isLong = (window: Window) => window.minutes >= 1_440;
  const hasBalance = () => credits !== null && (credits.unlimited || Number(credits.balance) > 0);

  function usageWindow(window: Window | undefined): unknown {
    if (!window) return null;
    const resetAfterSeconds = Math.ceil((window.resetAtMs - clock.now().getTime()) / 1000);
    return {
      used_percent: Math.floor(window.usedPercent),
      limit_window_seconds: window.minutes * 60,
      reset_after_seconds: Math.max(0, resetAfterSeconds),
      reset_at: Math.floor(window.resetAtMs / 1000),
    };
  }

  function rateLimit(of: readonly Window[]): unknown {
    if (of.length === 0) return null;
    const reached = of.some(isFull);
    return {
      allowed: !reached,
      limit_reached: reached,
      primary_window: usageWindow(of[0]),
      secondary_window: usageWindow(of[1]),
    };
  }

  return {
    add() {
      const shortest = Math.min(...windows.map((window) => window.minutes));
      for (const window of current()) {
        const share = (seed.percentPerAnswer * shortest) / window.minutes;
        window.usedPercent = Math.min(100, window.usedPercent + share);
      }
    },
    setWindows: (seeds) => void (windows = seeds.map(open)),
    setCredits: (next) => void (credits = next),
    setAdditionalLimits: (next) => void (additionalLimits = next),
    exhaust(resetsInSeconds) {
      const shortest = current().toSorted((left, right) => left.minutes - right.minutes)[0];
      if (!shortest) return;
      shortest.usedPercent = 100;
      shortest.resetAtMs = clock.now().getTime() + resetsInSeconds * 1000;
    },
    resetWindows() {
      const used = current().filter((window) => window.usedPercent > 0);
      for (const window of used) window.usedPercent = 0;
      return used.length;
    },
    exhaustedUntil() {
      const full = current().filter((window) => isFull(window) && !(isLong(window) && hasBalance()));
      return full.length ? Math.floor(Math.max(...full.map((window) => window.resetAtMs)) / 1000) : undefined;
    },
    headers(plan) {
      const headers: Record<string, string> = { 'x-codex-active-limit': 'codex', 'x-codex-plan-type': plan };
      current().forEach((window, index) => {
        const slot = `x-codex-${slots[index] ?? 'secondary'}`;
        headers[`${slot}-used-percent`] = String(Math.floor(window.usedPercent));
        headers[`${slot}-window-minutes`] = String(window.minutes);
        headers[`${slot}-reset-at`] = String(Math.floor(window.resetAtMs / 1000));
      });
      if (credits) {
        // Python-style booleans: recorded from the real service (wire spec A10).
        headers['x-codex-credits-has-credits'] = credits.hasCredits ? 'True' : 'False';
        headers['x-codex-credits-unlimited'] = credits.unlimited ? 'True' : 'False';
        headers['x-codex-credits-balance'] = credits.balance ?? '';
      }
      return headers;
    },
    rateLimitsEvent(plan) {
      const now = current();
      const reached = now.some(isFull);
      const slot = (window: Window | undefined) =>
        window
          ? {
              used_percent: Math.floor(window.usedPercent),
              window_minutes: window.minutes,
              reset_at: Math.floor(window.resetAtMs / 1000),
            }
          : null;
      return {
        type: 'codex.rate_limits',
        plan_type: plan,
        rate_limits: { allowed: !reached, limit_reached: reached, primary: slot(now[0]), secondary: slot(now[1]) },
        credits: credits && wireCredits(credits),
      };
    },
    usageFields() {
      const now = current();
      return {
        rate_limit: rateLimit(now),
        code_review_rate_limit: null,
        additional_rate_limits: additionalLimits.length
          ? additionalLimits.map((limit) => ({
              limit_name: limit.limitName,
              metered_feature: limit.meteredFeature,
              rate_limit: rateLimit(limit.windows.map(open)),
            }))
          : null,
        credits: credits && {
          ...wireCredits(credits),
          overage_limit_reached: false,
          approx_local_messages: null,
          approx_cloud_messages: null,
        },
        spend_control: { reached: false, individual_limit: null },
        rate_limit_reached_type: now.some(isFull) ? { type: 'rate_limit_reached', details: 'default' } : null,
      };
    },
  };
}

function wireCredits(credits: Credits): { has_credits: boolean; unlimited: boolean; balance: string | null } {
  return { has_credits: credits.hasCredits, unlimited: credits.unlimited, balance: credits.balance };
}
