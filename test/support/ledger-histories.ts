/**
 * What can become of a request, as plain values, and what the books must say of it afterwards: the model that the real
 * statements are held against.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { ReportedUse, Reservation, Settlement } from '../../server/usage/ledger-rows.ts';
import { beginning } from './exchange.ts';
import { makeAmounts, makeAttemptRow, makeReservation, type Household } from './ledger-rows.ts';

/** Somebody says how a request ended: the process it belongs to, or the sweep of another that takes that one for dead. */
export type Word = 'owner' | 'sweep';

export interface History {
  readonly key: number;
  readonly hour: number;
  readonly model: string | null;
  /** The tries in order, and what the provider said of each: what was used, nothing, or that it did no work. */
  readonly tries: readonly {
    account: number;
    said: 'usage' | 'nothing' | 'no_work';
    tokens: number;
    cached: number | null;
    nanos: number | null;
  }[];
  readonly outcome: 'succeeded' | 'failed' | 'cancelled';
  /** Who speaks in what order; never anyone but the sweep when the process died. */
  readonly words: readonly Word[];
}

const oneTry = fc.record({
  account: fc.nat(1),
  said: fc.constantFrom('usage', 'usage', 'usage', 'nothing', 'no_work'),
  tokens: fc.nat(1_000_000),
  cached: fc.option(fc.nat(1_000)),
  nanos: fc.option(fc.nat(10 ** 12)),
} as const);

/** Any history that can happen, and at least one word: every process dies in the end. */
export const anyHistory: fc.Arbitrary<History> = fc.record({
  key: fc.nat(1),
  hour: fc.nat(2),
  model: fc.constantFrom('gpt-5.5', 'gpt-6.1-sol', null),
  tries: fc.oneof(
    { weight: 5, arbitrary: fc.array(oneTry, { minLength: 1, maxLength: 1 }) },
    fc.array(oneTry, { minLength: 1, maxLength: 3 }),
  ),
  outcome: fc.constantFrom('succeeded', 'failed', 'cancelled'),
  words: fc.array(fc.constantFrom('owner', 'sweep'), { minLength: 1, maxLength: 4 }),
} as const);

/** A history about to happen to a household's request. */
export interface Life {
  readonly history: History;
  readonly reservation: Reservation;
  /** What its process says when it is over. */
  readonly settlement: Settlement;
}

export function beginLife(
  history: History,
  { house, processNumber }: { house: Household; processNumber: number },
): Life {
  const accountOf = (account: number) => house.accountIds[account] ?? '';
  const reservation = makeReservation(house, {
    keyId: house.keyIds[history.key] ?? '',
    accountId: accountOf(history.tries[0]?.account ?? 0),
    admittedAt: new Date(beginning.getTime() + history.hour * 3_600_000),
    model: history.model,
    processNumber,
  });
  const attempts = history.tries.map(({ account }, index) =>
    makeAttemptRow(reservation, {
      number: index + 1,
      accountId: accountOf(account),
      ...(index === 0 ? {} : { id: randomUUID() }),
    }),
  );
  const completedAt = new Date(reservation.admittedAt.getTime() + 5_000);
  const decisive = history.tries.findLastIndex(({ said }) => said !== 'no_work');
  const uses = history.tries.flatMap((each, index): ReportedUse[] => {
    if (each.said !== 'usage') return [];
    const inputTokens = each.tokens + 1_000;
    return [
      {
        event: index === decisive ? 'settlement' : `attempt:${index + 1}`,
        accountId: accountOf(each.account),
        ...makeAmounts({
          inputTokens,
          cachedTokens: each.cached,
          outputTokens: 0,
          totalTokens: inputTokens,
          costMicros: each.nanos === null ? null : (each.nanos / 1000).toFixed(3),
          costStatus: each.nanos === null ? 'unpriced_missing_model' : 'priced',
        }),
      },
    ];
  });
  return {
    history,
    reservation,
    settlement: {
      requestId: reservation.requestId,
      status: history.outcome,
      usageStatus:
        decisive < 0 ? 'not_applicable' : history.tries[decisive]?.said === 'usage' ? 'usage_known' : 'usage_unknown',
      errorCode: history.outcome === 'succeeded' ? null : 'some_error',
      responseStatus: 200,
      accountId: attempts.at(-1)?.accountId ?? null,
      accountLabel: 'account',
      servedTier: null,
      responseBytes: 1,
      firstByteMs: 1,
      totalMs: 5_000,
      completedAt,
      decision: null,
      attempts: attempts.map((attempt) => ({ ...attempt, completedAt })),
      compression: null,
      uses,
    },
  };
}

/** What the ledger and the request's row must say in the end, in whatever order the words came. */
export interface Truth {
  readonly status: string;
  readonly usageStatus: string;
  readonly errorCode: string | null;
  readonly attempts: number;
  readonly accountId: string | null;
  /** The plain sum of everything the ledger says of it. */
  readonly requests: number;
  readonly tokens: number;
  readonly nanos: bigint;
  /** What the provider reported, where somebody lived to hear it. */
  readonly reported: readonly ReportedUse[];
}

export function truthOf({ history, reservation, settlement }: Life): Truth {
  const { estimate } = reservation;
  const isHeard = history.words.includes('owner');
  const reported = isHeard ? settlement.uses : [];
  const usageStatus = isHeard ? settlement.usageStatus : 'usage_unknown';
  const counted = usageStatus === 'usage_unknown' ? [...reported, estimate] : reported;
  return {
    status: isHeard ? settlement.status : 'failed',
    usageStatus,
    errorCode: isHeard ? settlement.errorCode : 'process_ended',
    attempts: isHeard ? settlement.attempts.length : 1,
    accountId: isHeard ? settlement.accountId : reservation.accountId,
    requests: usageStatus === 'not_applicable' ? 0 : 1,
    tokens: counted.reduce((sum, { totalTokens }) => sum + (totalTokens ?? 0), 0),
    nanos: counted.reduce((sum, { costMicros }) => sum + nanosOf(costMicros), 0n),
    reported,
  };
}

/** Thousandths of a micro-dollar, exactly. */
export function nanosOf(micros: string | null): bigint {
  const [whole = '0', decimals = ''] = (micros ?? '0').split('.');
  return BigInt(whole + decimals.padEnd(3, '0').slice(0, 3));
}
