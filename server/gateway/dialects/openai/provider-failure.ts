/**
 * What a client of the OpenAI surface is told of the provider's own failures (v1 spec 4.1). Client libraries decide by
 * status, type and code, and some tools by the words of a context overflow, so these are a closed table. Pure.
 */
import { isRecord, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { rowOf } from '../../../lib/row-of.ts';

export interface ProviderFailure {
  readonly status: number;
  readonly type: 'invalid_request_error' | 'rate_limit_error' | 'insufficient_quota' | 'server_error';
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

interface FailureRow extends Omit<ProviderFailure, 'message' | 'param' | 'code'> {
  /** Absent: the provider's own, where it is a plain word. */
  readonly code?: string;
  /** Absent: the provider's own words, cleaned; they are about the client's request. */
  readonly message?: string;
}

const request = { status: 400, type: 'invalid_request_error' } as const;
const server = { type: 'server_error' } as const;

/** Tools recognise an overflow by this beginning and then shorten the conversation themselves. */
const tooLong: FailureRow = {
  ...request,
  code: 'context_length_exceeded',
  message: "This model's maximum context length was exceeded. Shorten the conversation and try again.",
};
const noModel: FailureRow = {
  status: 404,
  type: 'invalid_request_error',
  code: 'model_not_found',
  message: 'No account of this Pool may use this model.',
};
const usedUp: FailureRow = {
  status: 429,
  type: 'insufficient_quota',
  code: 'usage_limit_reached',
  message: 'Every account that could serve this request has used up its limit.',
};
const tooFast: FailureRow = {
  status: 429,
  type: 'rate_limit_error',
  code: 'rate_limit_exceeded',
  message: 'The provider asks to slow down. Try again in a moment.',
};
const overloaded: FailureRow = {
  ...server,
  status: 503,
  code: 'server_is_overloaded',
  message: 'The provider is overloaded. Try again in a moment.',
};
const unreachable: FailureRow = { ...server, status: 502, code: 'upstream_error', message: 'The provider failed.' };
const unauthorised: FailureRow = {
  ...server,
  status: 502,
  code: 'upstream_auth_unavailable',
  message: 'No account of this Pool is signed in at the provider.',
};
const notThere: FailureRow = {
  ...server,
  status: 502,
  code: 'upstream_status',
  message: 'The provider does not know this address.',
};

const byCode: Readonly<Record<string, FailureRow>> = {
  context_length_exceeded: tooLong,
  model_not_found: noModel,
  model_not_available: noModel,
  unsupported_model: noModel,
  usage_limit_reached: usedUp,
  usage_limit_exceeded: usedUp,
  usage_not_included: usedUp,
  insufficient_quota: usedUp,
  rate_limit_exceeded: tooFast,
  slow_down: tooFast,
  server_is_overloaded: overloaded,
  overloaded_error: overloaded,
  server_error: unreachable,
  invalid_request_error: request,
  invalid_request: request,
  invalid_prompt: request,
  invalid_encrypted_content: request,
  content_filter: request,
  cyber_policy: request,
  moderation_blocked: request,
  image_generation_user_error: request,
  misalignment_policy_violation: request,
  previous_response_not_found: request,
};

const overflow = /context (?:window|length)|maximum context|too many tokens/i;
const modelRefused = /^The '.{1,200}' model is not supported/s;

/** @param error - The provider's error object, `{detail}` body or event. @param status - null inside a stream. */
export function providerFailure(error: JsonRecord, status: number | null): ProviderFailure {
  const inner = isRecord(error['error']) ? error['error'] : isRecord(error['detail']) ? error['detail'] : error;
  const ownCode = wordOf(textOf(inner['code']) || textOf(inner['type']));
  const words = textOf(inner['message']) || textOf(error['detail']);
  const isRequest = textOf(inner['type']) === 'invalid_request_error';
  const row = failureRow({ code: ownCode, words, status, isRequest });
  const isOfRequest = row.type === 'invalid_request_error';
  return {
    status: row.status,
    type: row.type,
    code: row.code ?? (ownCode === null || ownCode === 'invalid_request_error' ? 'invalid_request' : ownCode),
    message: row.message ?? (cleaned(words) || 'The provider refused this request.'),
    param: isOfRequest ? paramOf(inner['param']) : null,
  };
}

function failureRow({
  code,
  words,
  status,
  isRequest,
}: {
  code: string | null;
  words: string;
  status: number | null;
  /** It calls itself a fault of the request; inside a stream nothing else tells. */
  isRequest: boolean;
}): FailureRow {
  const named = code === null ? undefined : rowOf(byCode, code);
  if (status === 413 || ((named === undefined || named === request) && overflow.test(words))) return tooLong;
  if (modelRefused.test(words)) return noModel;
  if (named) return named;
  if (status === null && isRequest) return request;
  if (status === 429) return tooFast;
  if (status === 401 || status === 403) return unauthorised;
  if (status === 404) return notThere;
  return status !== null && status >= 400 && status < 500 ? request : unreachable;
}

function wordOf(code: string): string | null {
  return /^[A-Za-z0-9_.-]{1,80}$/.test(code) ? code : null;
}

function paramOf(param: unknown): string | null {
  return /^[A-Za-z0-9_.[\]-]{1,160}$/.test(textOf(param)) ? textOf(param) : null;
}

/** Nothing that could be a secret or name a person or an account may ride on the provider's words. */
const removed = [
  /https?:\/\/\S*\?\S*/g,
  /[\w.+-]+@[\w-]+\.[\w.-]+/g,
  /\b(?:sk|at|rt|sess|org|acct|user|eyJ)[-_][A-Za-z0-9_-]{6,}/g,
  /\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b[A-Za-z0-9+/_-]{40,}={0,2}/g,
];
const longestMessage = 500;

function cleaned(words: string): string {
  const plain = removed.reduce((text, pattern) => text.replaceAll(pattern, '[removed]'), words.slice(0, 4_000));
  return plain.slice(0, longestMessage);
}
