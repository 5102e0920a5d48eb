/** The records a request leaves behind, as plain values. Times are `Date`, money is text in micro-USD. */
import type { CompressionFacts, StoredDecision } from '../contract/decisions.ts';
import type {
  AttemptStatus,
  CostStatus,
  RequestStatus,
  RouteClass,
  Transport,
  UsageStatus,
} from '../contract/vocabulary.ts';

/** Tokens and money of one ledger movement. */
export interface Amounts {
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly totalTokens: number | null;
  readonly costMicros: string | null;
  readonly costStatus: CostStatus;
}

/** What is known when a request is admitted. */
export interface RequestRow {
  readonly requestId: string;
  readonly poolId: string;
  readonly keyId: string;
  readonly keyName: string;
  readonly keyPrefix: string;
  readonly processNumber: number;
  readonly endpoint: string;
  readonly transport: Transport;
  readonly routeClass: RouteClass;
  readonly model: string | null;
  /** What the client named; a key's policy may lead it to another. */
  readonly requestedModel: string | null;
  readonly requestedTier: string | null;
  readonly reasoningEffort: string | null;
  readonly clientAddress: string | null;
  readonly clientName: string | null;
  readonly requestBytes: number;
  readonly admittedAt: Date;
}

/** An attempt with what a settlement has to add. */
interface SettledAttempt extends AttemptRow {
  /** Why this account was chosen; absent where its row says so already. */
  readonly decision?: StoredDecision;
}

export interface AttemptRow {
  readonly id: string;
  readonly number: number;
  readonly accountId: string;
  readonly accountLabel: string;
  readonly transport: Transport;
  readonly status: AttemptStatus;
  readonly upstreamStatus: number | null;
  readonly errorCode: string | null;
  readonly retryReason: string | null;
  readonly upstreamRequestId: string | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number | null;
  readonly startedAt: Date;
  readonly completedAt: Date | null;
}

/** Written before the first dispatch: the request, its first attempt, and what is set aside for it. */
export interface Reservation extends RequestRow {
  /** The moment of this reservation: the key must still be good at it. */
  readonly reservedAt: Date;
  /** SHA-256 of the turn's name and its key, base64; null where its client gave it none. */
  readonly turnSha256: string | null;
  readonly attemptId: string;
  readonly accountId: string;
  readonly accountLabel: string;
  /** Why this account was chosen. */
  readonly decision: StoredDecision | null;
  readonly estimate: Amounts;
}

/** A request refused before any attempt: a row, no money. */
export interface Rejection extends RequestRow {
  readonly errorCode: string;
  readonly responseStatus: number;
  /** The choice that found nobody; null when it did not come to a choice. */
  readonly decision: StoredDecision | null;
}

/** What the provider reported of one attempt: a movement of the ledger. */
export interface ReportedUse extends Amounts {
  /** The attempt that decides for the request settles it; others that reported before they moved on stand beside it. */
  readonly event: 'settlement' | `attempt:${number}`;
  readonly accountId: string;
}

/** Written when a request is over. */
export interface Settlement {
  readonly requestId: string;
  readonly status: Exclude<RequestStatus, 'in_progress' | 'rejected'>;
  /** `usage_known` with a use that settles; `usage_unknown` counts what was set aside; `not_applicable` counts nothing. */
  readonly usageStatus: UsageStatus;
  readonly errorCode: string | null;
  readonly responseStatus: number | null;
  readonly accountId: string | null;
  readonly accountLabel: string | null;
  readonly servedTier: string | null;
  readonly responseBytes: number;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
  readonly completedAt: Date;
  /** The last choice, when it found nobody any more. */
  readonly decision: StoredDecision | null;
  readonly attempts: readonly SettledAttempt[];
  /** null: nothing in it was looked at. */
  readonly compression: CompressionFacts | null;
  readonly uses: readonly ReportedUse[];
}

/** The error code of a request whose process ended: a guess, until the process itself says what happened. */
export const processEnded = 'process_ended';
