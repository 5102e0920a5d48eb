/** The one error class of the program. Everything about an error except its code is a row in `contract/error-codes.ts`. */
import type { LimitRefusal } from './limits.ts';
import { errorRow, type ErrorCode, type ErrorRow } from './error-codes.ts';
import type { ContinuationReason } from './vocabulary.ts';

export interface GatewayErrorOptions {
  /** What and where, in our own words, appended to the row's message for the client. Never user or provider text. */
  readonly detail?: string | undefined;
  /** The request field at fault, e.g. `model`. */
  readonly param?: string | undefined;
  /** How long the client should wait, in milliseconds; becomes `retry-after`. */
  readonly retryAfterMs?: number | undefined;
  /** When exhausted accounts come back; becomes `resets_at` (wire spec A8.2). */
  readonly resetsAt?: Date | undefined;
  /** Why a request that only one account can serve is refused; becomes the recovery contract (gateway spec 4.6). */
  readonly continuity?: ContinuityDenial | undefined;
  /** The limit of the key that is in the way. */
  readonly limit?: LimitRefusal | undefined;
  readonly cause?: unknown;
}

export interface ContinuityDenial {
  /** What pins the request. */
  readonly pinnedBy: ContinuationReason;
  /** A word of ours: what keeps the account from serving. */
  readonly reason: string;
}

/**
 * @example throw new GatewayError('model_not_allowed', { param: 'model' });
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly row: ErrorRow;
  readonly detail: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly resetsAt: Date | undefined;
  readonly continuity: ContinuityDenial | undefined;
  readonly limit: LimitRefusal | undefined;

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    super(code, { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.row = errorRow(code);
    this.detail = options.detail;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.resetsAt = options.resetsAt;
    this.continuity = options.continuity;
    this.limit = options.limit;
  }

  /** The sentence for people: the row's message and the detail. */
  get sentence(): string {
    return this.detail ? `${this.row.message} ${this.detail}` : this.row.message;
  }
}
