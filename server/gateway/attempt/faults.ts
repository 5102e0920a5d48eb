/**
 * Every way an attempt can fail, as one closed table: whose fault it is, whether another attempt may help, and what the
 * client is told when none did. Unknown answers have a row of their own instead of being guessed into another.
 */
import type { QuotaReading } from '../../accounts/quota.ts';
import type { ErrorCode } from '../../contract/error-codes.ts';

export interface FaultRow {
  /** What the fault says something about. Only `account` may keep an account out of later requests. */
  readonly subject: 'request' | 'account' | 'model' | 'edge' | 'provider';
  /** Which other attempt may help; `once` limits it to one further account. */
  readonly retry: 'other_account' | 'other_account_once' | 'never';
  /** What the client gets when attempts are used up and the provider's own answer is not passed on. */
  readonly errorCode: ErrorCode;
  /** Native clients get the provider's own status and body: it says more than we could, and they understand it. */
  readonly passOn: boolean;
}

/** Classes of wire spec B15. */
export const faults = {
  connect_failed: { subject: 'edge', retry: 'other_account', errorCode: 'upstream_request_failed', passOn: false },
  connection_lost: { subject: 'edge', retry: 'other_account', errorCode: 'upstream_request_failed', passOn: false },
  answer_timeout: { subject: 'provider', retry: 'other_account', errorCode: 'upstream_timeout', passOn: false },
  edge_blocked: { subject: 'edge', retry: 'never', errorCode: 'upstream_blocked_at_edge', passOn: false },
  redirected: { subject: 'edge', retry: 'never', errorCode: 'upstream_error', passOn: false },
  token_rejected: { subject: 'account', retry: 'other_account', errorCode: 'no_eligible_backend', passOn: false },
  token_unavailable: { subject: 'account', retry: 'other_account', errorCode: 'no_eligible_backend', passOn: false },
  account_dead: { subject: 'account', retry: 'other_account', errorCode: 'no_eligible_backend', passOn: false },
  usage_exhausted: { subject: 'account', retry: 'other_account', errorCode: 'usage_limit_reached', passOn: false },
  plan_lacks_feature: { subject: 'model', retry: 'other_account', errorCode: 'usage_limit_reached', passOn: true },
  rate_limited: { subject: 'account', retry: 'other_account', errorCode: 'no_eligible_backend', passOn: true },
  model_unavailable: { subject: 'model', retry: 'other_account', errorCode: 'invalid_model', passOn: true },
  model_overloaded: {
    subject: 'provider',
    retry: 'other_account_once',
    errorCode: 'server_is_overloaded',
    passOn: true,
  },
  policy_refused: { subject: 'account', retry: 'other_account_once', errorCode: 'upstream_refused', passOn: false },
  request_refused: { subject: 'request', retry: 'never', errorCode: 'upstream_refused', passOn: true },
  /** It carries what only another account can open (`open-sealed.ts` knows what may follow). */
  sealed_elsewhere: { subject: 'request', retry: 'never', errorCode: 'upstream_refused', passOn: true },
  provider_failed: { subject: 'provider', retry: 'other_account', errorCode: 'upstream_error', passOn: true },
  answer_malformed: { subject: 'provider', retry: 'other_account', errorCode: 'upstream_stream_error', passOn: false },
  answer_too_large: { subject: 'request', retry: 'never', errorCode: 'upstream_response_too_large', passOn: false },
} as const satisfies Record<string, FaultRow>;

export type FaultKind = keyof typeof faults;

/** The provider's refusal as it came, kept until it is known whether it is passed on. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** At most `maxErrorBodyBytes`; memory only. */
  readonly body: Buffer;
}

export interface Fault {
  readonly kind: FaultKind;
  /** Status of the provider's answer; null when none came. */
  readonly upstreamStatus: number | null;
  /** A word for records and logs: the provider's error code if it is a plain word, or ours. */
  readonly code: string;
  /** How long the provider asks to wait. */
  readonly retryAfterMs: number | null;
  readonly answer: UpstreamAnswer | null;
  /** What the refusal says of the limit it speaks of; on the account's own meter. Absent for other faults. */
  readonly exhausts?: readonly QuotaReading[];
}

/** The row of a fault, with its columns typed. */
export function faultRow(kind: FaultKind): FaultRow {
  return faults[kind];
}
