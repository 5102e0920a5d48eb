/** From a bare HTTP status to the behaviour that answers with it, in the shape such a status usually has (wire spec B15). */

/** Details of a refusal. */
export interface Failure {
  /** The kind of F1–F5: `usage_limit_reached`, `token_revoked`, `server_is_overloaded`, … */
  readonly kind?: string;
  /** Seconds, as the `retry-after` header. */
  readonly retryAfter?: number;
  /** Seconds from now; for usage limits. */
  readonly resetsInSeconds?: number;
  readonly message?: string;
  readonly headers?: Record<string, string>;
  /** Replaces the whole body. */
  readonly body?: unknown;
}

/** An answer whose options are checked when it is bound. */
type FailureAnswer = { readonly behaviour: string; readonly [option: string]: unknown };

const kindOfStatus = new Map([
  [502, 'bad_gateway'],
  [503, 'unavailable'],
  [504, 'gateway_timeout'],
  [520, 'edge_unknown'],
  [524, 'edge_timeout'],
  [529, 'overloaded_529'],
]);

/** A `body`, or a status that no behaviour has, becomes `raw`. */
export function toFailure(status: number, details: Failure = {}): FailureAnswer {
  const { kind, retryAfter, resetsInSeconds, message, body } = details;
  const retry = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  const headers = { ...retry, ...details.headers };
  if (body !== undefined) return { behaviour: 'raw', status, body, headers };
  switch (status) {
    case 400:
      return { behaviour: 'F5', headers, ...given({ kind: kind ?? (message && 'detail'), detail: message }) };
    case 401:
      return { behaviour: 'F1', headers, ...given({ kind }) };
    case 402:
      return { behaviour: 'F2', headers, kind: 'deactivated_workspace' };
    case 403:
      return { behaviour: 'F2', headers, ...given({ kind, message }) };
    case 429: {
      // A short wait without a reset time is a speed limit.
      const usual = retryAfter !== undefined && resetsInSeconds === undefined ? 'rate_limit_exceeded' : undefined;
      return { behaviour: 'F3', headers, ...given({ kind: kind ?? usual, resetsInSeconds, message }) };
    }
  }
  if (status === 404 && kind === 'model_not_found') return { behaviour: 'F5', headers, kind };
  if (status < 500) return { behaviour: 'raw', status, body: { detail: message ?? 'Refused' }, headers };
  const known = kind ?? kindOfStatus.get(status);
  return known ? { behaviour: 'F4', headers, kind: known } : { behaviour: 'F4', headers, status };
}

function given(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
