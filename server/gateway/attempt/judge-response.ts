/** What an answer of the provider means. Pure; the classes are those of wire spec B15. */
import type { QuotaReading } from '../../accounts/quota.ts';
import { exhaustedWords, readQuotaError } from '../../accounts/read-quota.ts';
import { readRetryAfterMs } from '../../accounts/read-retry-after.ts';
import { isRecord, parseJson, recordOf, textOf } from '../../lib/json-values.ts';
import { faultRow, type Fault, type FaultKind, type UpstreamAnswer } from './faults.ts';

/** Error bodies are read up to this much before deciding (wire spec C8). */
export const maxErrorBodyBytes = 64 * 1024;

/** The parts of an error body that decide; every known shape is folded into it. */
interface ErrorFacts {
  readonly code: string;
  readonly type: string;
  readonly text: string;
}

const accountDeadCodes = new Set([
  'account_deactivated',
  'account_suspended',
  'account_deleted',
  'deactivated_workspace',
]);
/** Says which limit a 429 means, where its body does not (gateway spec 5.2). */
const reachedHeader = 'x-codex-rate-limit-reached-type';
const reachedTypes = new Set<string | undefined>([
  'rate_limit_reached',
  'workspace_owner_credits_depleted',
  'workspace_member_credits_depleted',
  'workspace_owner_usage_limit_reached',
  'workspace_member_usage_limit_reached',
]);
const requestCodes = new Set([
  'context_length_exceeded',
  'invalid_prompt',
  'cyber_policy',
  'misalignment_policy_violation',
  'previous_response_not_found',
  'content_filter',
]);
const sealedCode = 'invalid_encrypted_content';
const overloadedCodes = new Set(['server_is_overloaded', 'overloaded_error']);
const rateCodes = new Set(['rate_limit_exceeded', 'slow_down']);
const modelCodes = new Set(['model_not_found', 'model_not_available', 'unsupported_model']);

/**
 * Judges a complete non-2xx answer.
 *
 * @example judgeRefusal({ status: 429, headers, body }, now).kind // 'usage_exhausted'
 */
export function judgeRefusal(answer: UpstreamAnswer, now: Date): Fault {
  const facts = readErrorFacts(answer.body);
  const kind = kindOfRefusal(answer, facts);
  return {
    kind,
    upstreamStatus: answer.status,
    code: wordOf(facts.code || facts.type) ?? `upstream_${answer.status}`,
    retryAfterMs: readRetryAfterMs({ header: answer.headers.get('retry-after'), message: facts.text, now }),
    answer,
    ...(kind === 'usage_exhausted' && { exhausts: exhaustionIn(parseJson(answer.body), now) }),
  };
}

/** The refusal's own words; one without them exhausts the account until a reading says otherwise. */
function exhaustionIn(body: unknown, observedAt: Date): readonly QuotaReading[] {
  const stated = readQuotaError(body, { observedAt });
  return stated.length > 0 ? stated : readQuotaError({ error: { type: 'usage_limit_reached' } }, { observedAt });
}

function kindOfRefusal({ status, headers }: UpstreamAnswer, { code, type, text }: ErrorFacts): FaultKind {
  if (status >= 300 && status < 400) return 'redirected';
  const isHtml = (headers.get('content-type') ?? '').includes('html');
  if (status === 403 && (isHtml || headers.has('cf-mitigated'))) return 'edge_blocked';
  if ((status === 401 || status === 402 || status === 403) && accountDeadCodes.has(code)) return 'account_dead';
  if (status === 402) return 'account_dead';
  if (status === 401) return 'token_rejected';
  if (status === 403) return 'policy_refused';
  if (type === 'usage_not_included' || code === 'usage_not_included') return 'plan_lacks_feature';
  if (exhaustedWords.has(type) || exhaustedWords.has(code)) return 'usage_exhausted';
  if (status === 429) return reachedTypes.has(headers.get(reachedHeader)) ? 'usage_exhausted' : 'rate_limited';
  if (modelCodes.has(code) || /^The '.{1,200}' model is not supported/s.test(text)) return 'model_unavailable';
  if (status >= 500) return overloadedCodes.has(code) ? 'model_overloaded' : 'provider_failed';
  return code === sealedCode ? 'sealed_elsewhere' : 'request_refused';
}

/**
 * Judges a failure that arrived inside a 200 stream before anything meaningful was forwarded.
 *
 * @param response - The `response` object of `response.failed`, or an `error` event itself.
 */
export function judgeLateFailure(response: unknown, now: Date): Fault {
  const { error } = recordOf(response);
  const facts = recordOf(error);
  const code = textOf(facts['code']) || textOf(facts['type']);
  const message = textOf(facts['message']);
  const kind = kindOfLateFailure(code);
  return {
    kind,
    upstreamStatus: 200,
    code: wordOf(code) ?? 'response_failed',
    retryAfterMs: readRetryAfterMs({ header: null, message, now }),
    answer: null,
    ...(kind === 'usage_exhausted' && { exhausts: exhaustionIn({ error }, now) }),
  };
}

/** Unknown codes are retried by clients themselves (wire spec A8.3), so another account may be tried first. */
function kindOfLateFailure(code: string): FaultKind {
  if (exhaustedWords.has(code)) return 'usage_exhausted';
  if (code === 'usage_not_included') return 'plan_lacks_feature';
  if (rateCodes.has(code)) return 'rate_limited';
  if (code === sealedCode) return 'sealed_elsewhere';
  if (requestCodes.has(code) || code === 'invalid_request_error') return 'request_refused';
  if (overloadedCodes.has(code)) return 'model_overloaded';
  if (modelCodes.has(code)) return 'model_unavailable';
  if (accountDeadCodes.has(code)) return 'account_dead';
  return 'provider_failed';
}

/** May the client be shown this fault's own answer? HTML never: it is an edge's page, not an answer. */
export function passesOn(fault: Fault): boolean {
  if (!fault.answer || !faultRow(fault.kind).passOn) return false;
  return !(fault.answer.headers.get('content-type') ?? '').includes('html');
}

/** Body shapes: `{error:{…}}`, `{error:"…"}`, `{detail:"…"}`, `{detail:{code,message}}`, `{detail:[…]}`, HTML, empty. */
function readErrorFacts(body: Buffer): ErrorFacts {
  const { error, detail } = recordOf(parseJson(body));
  const subject = recordOf(isRecord(error) ? error : detail);
  return {
    code: textOf(subject['code']) || textOf(error),
    type: textOf(subject['type']),
    text: textOf(subject['message']) || textOf(detail),
  };
}

/** The provider's message of a refusal, for the one case in which we wrap it; null when it gave none. */
export function messageOf(body: Buffer): string | null {
  return readErrorFacts(body).text || null;
}

/** Codes go into records, so only plain words are kept; anything else could be somebody's text. */
function wordOf(code: string): string | null {
  return /^[A-Za-z0-9_.:-]{1,80}$/.test(code) ? code : null;
}
