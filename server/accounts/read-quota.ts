/**
 * Reads what the provider says of an account's limits, wherever it says it: answer headers, the `codex.rate_limits`
 * event, the usage endpoint, and the body of a refusal (gateway spec 5.2). Pure; unknown shapes yield nothing.
 */
import { recordOf } from '../lib/json-values.ts';
import { meterOf } from './meters.ts';
import { exhaustedPercent, accountMeter, type CreditReading, type QuotaReading } from './quota.ts';
import {
  booleanOf,
  instantAfter,
  instantOf,
  minutesOf,
  minutesOfSeconds,
  numberOf,
  percentOf,
  wordOf,
} from './quota-fields.ts';

/** Everything one report told. */
export interface QuotaEvidence {
  readonly readings: readonly QuotaReading[];
  readonly plan: string | null;
  readonly credits: CreditReading | null;
  /** The meter that counted this call, if the report names one. */
  readonly activeMeter: string | null;
  /** How many saved resets there are; only the usage document says. */
  readonly savedResets?: number;
}

const windowHeader = /^x-(.+)-(primary|secondary)-(used-percent|window-minutes|reset-at|reset-after-seconds)$/;

/**
 * Limits from the headers of any answer of the provider (wire spec A10).
 *
 * @example readQuotaHeaders(answer.headers, clock.now()).readings
 */
export function readQuotaHeaders(headers: Iterable<readonly [string, string]>, observedAt: Date): QuotaEvidence {
  const slots = new Map<string, { meter: string; parts: Record<string, string> }>();
  const named = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    named.set(lower, value);
    const [, limit, slot, part] = windowHeader.exec(lower) ?? [];
    const meter = meterOf(limit);
    if (meter === null || slot === undefined || part === undefined) continue;
    const window = slots.get(`${limit} ${slot}`) ?? { meter, parts: {} };
    window.parts[part] = value;
    slots.set(`${limit} ${slot}`, window);
  }
  const readings = [...slots.values()].flatMap(({ meter, parts }): QuotaReading[] => {
    const usedPercent = percentOf(parts['used-percent']);
    // Headers pass through many hands: what is no percentage there is no reading (gateway spec 5.2).
    if (usedPercent !== numberOf(parts['used-percent'])) return [];
    const windowMinutes = minutesOf(parts['window-minutes']);
    // A window of 0 minutes is how the provider writes "no such window".
    if (usedPercent === null || windowMinutes === null) return [];
    const reset = resetOf({ at: parts['reset-at'], afterSeconds: parts['reset-after-seconds'], observedAt });
    return [{ meter, windowMinutes, usedPercent, ...reset, observedAt, source: 'response_headers' }];
  });
  const credits = {
    has_credits: named.get('x-codex-credits-has-credits'),
    unlimited: named.get('x-codex-credits-unlimited'),
    balance: named.get('x-codex-credits-balance'),
  };
  return {
    readings,
    plan: wordOf(named.get('x-codex-plan-type')),
    credits: readCredits(credits, observedAt),
    activeMeter: meterOf(named.get('x-codex-active-limit')),
  };
}

/** Limits from a `codex.rate_limits` event (wire spec A10); null when the value is no such event. */
export function readRateLimitsEvent(event: unknown, observedAt: Date): QuotaEvidence | null {
  const body = recordOf(event);
  if (body['type'] !== 'codex.rate_limits') return null;
  const names = ['metered_limit_name', 'metered_feature', 'limit_id', 'limit_name'];
  const meter = names.map((name) => meterOf(body[name])).find((found) => found !== null) ?? accountMeter;
  return {
    readings: readLimit(body['rate_limits'], { meter, observedAt, source: 'stream_event' }),
    plan: wordOf(body['plan_type']),
    credits: readCredits(body['credits'], observedAt),
    activeMeter: null,
  };
}

/** Limits from the usage endpoint's document (wire spec B9); null when the value is no such document. */
export function readUsage(document: unknown, observedAt: Date): QuotaEvidence | null {
  const body = recordOf(document);
  const plan = wordOf(body['plan_type']);
  if (plan === null && !('rate_limit' in body)) return null;
  const additional = Array.isArray(body['additional_rate_limits']) ? (body['additional_rate_limits'] as unknown[]) : [];
  const source = 'usage_api';
  const readings = [
    ...readLimit(body['rate_limit'], { meter: accountMeter, observedAt, source }),
    ...additional.flatMap((limit) => {
      const fields = recordOf(limit);
      const meter = meterOf(fields['metered_feature']) ?? meterOf(fields['limit_id']) ?? meterOf(fields['limit_name']);
      return meter === null ? [] : readLimit(fields['rate_limit'], { meter, observedAt, source });
    }),
  ];
  const count = numberOf(recordOf(body['rate_limit_reset_credits'])['available_count']);
  const savedResets = count !== null && count >= 0 ? { savedResets: Math.floor(count) } : {};
  return { readings, plan, credits: readCredits(body['credits'], observedAt), activeMeter: null, ...savedResets };
}

/** Words for "this account has nothing left" (wire spec B9, B15). */
export const exhaustedWords: ReadonlySet<unknown> = new Set([
  'usage_limit_reached',
  'usage_limit_exceeded',
  'insufficient_quota',
  'organization_usage_limit_exceeded',
  'workspace_owner_credits_depleted',
  'workspace_member_credits_depleted',
  'workspace_owner_usage_limit_reached',
  'workspace_member_usage_limit_reached',
]);

/**
 * "Used up until then" from a refusal such as `usage_limit_reached`, as an HTTP body, an error frame or a failed
 * response (wire spec B15). Real bodies name no window length, so it is 0 here; the board matches it to the window it
 * means. Other refusals yield nothing. Whoever knows that another meter than the account's own counted the call says so
 * (`noteFault`).
 */
export function readQuotaError(body: unknown, { observedAt }: { observedAt: Date }): QuotaReading[] {
  const outer = recordOf(body);
  const error = recordOf(outer['error'] ?? recordOf(outer['response'])['error']);
  if (!exhaustedWords.has(error['type']) && !exhaustedWords.has(error['code'])) return [];
  const resets = [instantOf(error['resets_at'], observedAt), instantAfter(error['resets_in_seconds'], observedAt)];
  // A reset that is past by our clock would free at once whom the provider refuses right now.
  const resetAt = resets.find((each) => each !== null && each > observedAt) ?? null;
  const windowMinutes = minutesOf(error['window_minutes']) ?? minutesOf(error['limit_window_minutes']) ?? 0;
  return [
    { meter: accountMeter, windowMinutes, usedPercent: exhaustedPercent, resetAt, observedAt, source: 'error_body' },
  ];
}

type Reported = Pick<QuotaReading, 'meter' | 'observedAt' | 'source'>;

/** The two windows of one limit, in the spellings of event and usage document. */
function readLimit(limit: unknown, reported: Reported): QuotaReading[] {
  const fields = recordOf(limit);
  const readings = [
    fields['primary_window'] ?? fields['primary'],
    fields['secondary_window'] ?? fields['secondary'],
  ].flatMap((window) => readWindow(window, reported));
  // Refused for another reason than a full window (a workspace's credits, its owner's cap), until nobody says when.
  const isRefused = booleanOf(fields['allowed']) === false && booleanOf(fields['limit_reached']) === true;
  const isExplained = readings.some((reading) => reading.usedPercent >= exhaustedPercent);
  if (!isRefused || isExplained) return readings;
  return [...readings, { ...reported, windowMinutes: 0, usedPercent: exhaustedPercent, resetAt: null }];
}

function readWindow(window: unknown, reported: Reported): QuotaReading[] {
  const fields = recordOf(window);
  const usedPercent = percentOf(fields['used_percent']);
  if (usedPercent === null) return [];
  const windowMinutes = minutesOfSeconds(fields['limit_window_seconds']) ?? minutesOf(fields['window_minutes']) ?? 0;
  const at = fields['reset_at'] ?? fields['resets_at'];
  const reset = resetOf({ at, afterSeconds: fields['reset_after_seconds'], observedAt: reported.observedAt });
  return [{ ...reported, windowMinutes, usedPercent, ...reset }];
}

/** When the window resets and, where the report says it twice, by which clock it was written (gateway spec 5.6). */
function resetOf({ at, afterSeconds, observedAt }: { at: unknown; afterSeconds: unknown; observedAt: Date }) {
  const resetAt = instantOf(at, observedAt);
  const seconds = numberOf(afterSeconds);
  const isRunning = resetAt !== null && seconds !== null && seconds > 0;
  const statedAt = isRunning ? new Date(resetAt.getTime() - seconds * 1000) : undefined;
  return { resetAt: resetAt ?? instantAfter(afterSeconds, observedAt), ...(statedAt && { statedAt }) };
}

function readCredits(credits: unknown, observedAt: Date): CreditReading | null {
  const fields = recordOf(credits);
  const hasCredits = booleanOf(fields['has_credits']);
  if (hasCredits === null) return null;
  const balance = fields['balance'];
  return {
    hasCredits,
    unlimited: booleanOf(fields['unlimited']) ?? false,
    balance: wordOf(typeof balance === 'number' ? String(balance) : balance),
    observedAt,
  };
}
