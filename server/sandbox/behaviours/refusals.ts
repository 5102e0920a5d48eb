/** F1–F5: whole answers with an error status, in the shapes that were seen (wire spec B15, D3.5, D3.6). */
import { z } from 'zod';
import { errorBody, refuse, type RefuseStep } from '../steps.ts';
import type { Turn } from '../turn.ts';
import { behaviour } from './define.ts';

const headers = z.record(z.string(), z.string()).default({});

const tokenFaults = {
  token_expired: 'Provided authentication token is expired. Please try signing in again.',
  token_invalidated: 'Your authentication token has been invalidated. Please try signing in again.',
  token_revoked: 'Encountered invalidated oauth token for user, failing request',
  account_deactivated: 'Your account has been deactivated.',
} as const;

/** A 401 of the backend. `unauthorized` is the bare form without a code. */
export function tokenRefusal(
  kind: keyof typeof tokenFaults | 'unauthorized',
  extra: Record<string, string> = {},
): RefuseStep {
  if (kind === 'unauthorized') return refuse(401, { detail: 'Unauthorized' }, extra);
  const error = { message: tokenFaults[kind], type: null, code: kind, param: null };
  return refuse(401, { error, status: 401 }, extra);
}

const f1 = behaviour({
  what: '401 in one of its forms, or every access token expired until a refresh.',
  options: z.object({
    kind: z
      .enum([
        'token_expired',
        'unauthorized',
        'token_invalidated',
        'token_revoked',
        'account_deactivated',
        'expired_until_refreshed',
      ])
      .default('token_expired'),
    headers,
  }),
  stage: (options) => (options.kind === 'expired_until_refreshed' ? undefined : 'answer'),
  apply(account, options) {
    if (options.kind === 'expired_until_refreshed') account.expireAccessTokens();
  },
  *answer(_turn, options) {
    if (options.kind !== 'expired_until_refreshed') yield tokenRefusal(options.kind, options.headers);
  },
});

/** What the edge in front of the provider sends when it distrusts a caller. */
export function edgeChallenge(status = 403): RefuseStep {
  const page = '<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking.</body></html>';
  return refuse(status, page, {
    server: 'cloudflare',
    'cf-mitigated': 'challenge',
    'cf-ray': '8f00sandbox-FRA',
    'content-type': 'text/html; charset=UTF-8',
  });
}

const f2 = behaviour({
  what: '402 deactivated_workspace, 403 as JSON, or the 403 page of the edge.',
  options: z.object({
    kind: z.enum(['deactivated_workspace', 'forbidden', 'account_deactivated', 'challenge']).default('forbidden'),
    message: z.string().default('You do not have access to this resource.'),
    headers,
  }),
  *answer(_turn, options) {
    if (options.kind === 'deactivated_workspace') {
      yield refuse(402, { detail: { code: 'deactivated_workspace' } }, options.headers);
    } else if (options.kind === 'challenge') {
      yield edgeChallenge();
    } else {
      const code = options.kind === 'forbidden' ? 'forbidden' : options.kind;
      const error = { message: options.message, type: 'invalid_request_error', code };
      yield refuse(403, errorBody(error), options.headers);
    }
  },
});

/** The 429 of an account without room (wire spec D3.6). */
export function usageLimitRefusal(
  turn: Pick<Turn, 'account' | 'parts'>,
  limit: { resetsAt: number; planType?: string | null; withHeaders?: boolean },
): RefuseStep {
  const nowSeconds = Math.floor(turn.parts.clock.now().getTime() / 1000);
  const error = {
    type: 'usage_limit_reached',
    message: 'The usage limit has been reached',
    plan_type: limit.planType === undefined ? turn.account.plan : limit.planType,
    resets_at: limit.resetsAt,
    eligible_promo: null,
    resets_in_seconds: Math.max(0, limit.resetsAt - nowSeconds),
  };
  return refuse(429, { error }, limit.withHeaders === false ? {} : turn.account.quota.headers(turn.account.plan));
}

const f3 = behaviour({
  what: '429: usage limit, usage not included, speed limit with or without retry-after, no money, or a code without type.',
  options: z.object({
    kind: z
      .enum(['usage_limit_reached', 'usage_not_included', 'rate_limit_exceeded', 'insufficient_quota', 'code_only'])
      .default('usage_limit_reached'),
    resetsInSeconds: z.number().int().default(3600),
    /** Fills the account's shortest window until the reset: headers and usage agree, and unscripted requests are refused. */
    fillsWindow: z.boolean().default(true),
    planType: z.string().nullable().optional(),
    /** With the x-codex limit headers. */
    withHeaders: z.boolean().default(true),
    /** Seconds, as the `retry-after` header. Absent: no header. */
    retryAfter: z.number().int().nonnegative().optional(),
    message: z.string().default('Rate limit reached. Please try again in 1.5s.'),
    headers,
  }),
  *answer(turn, options) {
    const retryAfter = options.retryAfter === undefined ? {} : { 'retry-after': String(options.retryAfter) };
    const extra = { ...retryAfter, ...options.headers };
    const resetsAt = Math.floor(turn.parts.clock.now().getTime() / 1000) + options.resetsInSeconds;
    if (options.kind === 'usage_limit_reached') {
      if (options.fillsWindow) turn.account.quota.exhaust(options.resetsInSeconds);
      const planType = options.planType === undefined ? {} : { planType: options.planType };
      const step = usageLimitRefusal(turn, { resetsAt, withHeaders: options.withHeaders, ...planType });
      yield { ...step, headers: { ...step.headers, ...extra } };
    } else if (options.kind === 'code_only') {
      const error = { message: 'The usage limit has been reached', code: 'usage_limit_reached', resets_at: resetsAt };
      yield refuse(429, { error }, extra);
    } else {
      const message = options.kind === 'rate_limit_exceeded' ? options.message : speedMessages[options.kind];
      yield refuse(429, errorBody({ message, type: options.kind, code: options.kind }), extra);
    }
  },
});

const speedMessages = {
  usage_not_included: 'To use Codex with your ChatGPT plan, upgrade to Plus.',
  insufficient_quota: 'You exceeded your current quota, please check your plan and billing details.',
} as const;

const serverFaults = {
  server_error: {
    status: 500,
    code: 'server_error',
    message: 'The server had an error while processing your request.',
  },
  server_is_overloaded: {
    status: 503,
    code: 'server_is_overloaded',
    message: 'Our servers are currently overloaded. Please try again later.',
  },
  slow_down: { status: 503, code: 'slow_down', message: 'Please reduce your request rate.' },
  unavailable: { status: 503, code: 'service_unavailable', message: 'The service is temporarily unavailable.' },
  overloaded_529: { status: 529, code: 'overloaded_error', message: 'Overloaded.' },
} as const;
const htmlFaults = { bad_gateway: 502, edge_unknown: 520, edge_timeout: 524 } as const;

const f4 = behaviour({
  what: '5xx: JSON 500 and 503s, HTML from the edge (502, 520, 524), an empty 504, 529, or any given status.',
  options: z.object({
    kind: z
      .enum([
        'server_error',
        'server_is_overloaded',
        'slow_down',
        'unavailable',
        'overloaded_529',
        'bad_gateway',
        'edge_unknown',
        'edge_timeout',
        'gateway_timeout',
      ])
      .default('server_error'),
    /** Replaces the status of a JSON kind. */
    status: z.number().int().min(500).max(599).optional(),
    retryAfter: z.number().int().nonnegative().optional(),
    headers,
  }),
  *answer(_turn, options) {
    const retryAfter = options.retryAfter === undefined ? {} : { 'retry-after': String(options.retryAfter) };
    const extra = { ...retryAfter, ...options.headers };
    const kind = options.kind;
    if (kind === 'gateway_timeout') {
      yield refuse(504, '', extra);
    } else if (kind === 'bad_gateway' || kind === 'edge_unknown' || kind === 'edge_timeout') {
      const page = `<html><head><title>${htmlFaults[kind]}</title></head><body>cloudflare</body></html>`;
      yield refuse(htmlFaults[kind], page, { server: 'cloudflare', 'content-type': 'text/html', ...extra });
    } else {
      const { status, code, message } = serverFaults[kind];
      yield refuse(options.status ?? status, errorBody({ message, type: 'server_error', code }), extra);
    }
  },
});

const requestFaults = {
  context_length_exceeded: 'Your input exceeds the context window of this model.',
  invalid_encrypted_content:
    'The encrypted content gAAAA could not be verified. Reason: Encrypted content could not be decrypted.',
  no_tool_output: 'No tool output found for function call call_sandbox_1.',
  item_not_found: "Item with id 'rs_sandbox_1' not found. Items are not persisted when `store` is set to false.",
  invalid_prompt: 'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
  cyber_policy: 'This request was flagged for cyber activity.',
  misalignment_policy_violation: 'This request was stopped by the misalignment policy.',
  previous_response_not_found: "Previous response with id 'resp_x' not found.",
} as const;

const f5 = behaviour({
  what: '400: an error code of the catalogue, a model that is not supported, or a detail text.',
  options: z.object({
    kind: z
      .enum([
        'context_length_exceeded',
        'invalid_encrypted_content',
        'no_tool_output',
        'item_not_found',
        'invalid_prompt',
        'cyber_policy',
        'misalignment_policy_violation',
        'previous_response_not_found',
        'model_not_supported',
        'model_not_found',
        'detail',
      ])
      .default('context_length_exceeded'),
    /** Text of `detail`, or of the message. */
    detail: z.string().optional(),
    headers,
  }),
  *answer(turn, options) {
    if (options.kind === 'detail') {
      yield refuse(400, { detail: options.detail ?? 'Bad Request' }, options.headers);
    } else if (options.kind === 'model_not_supported') {
      yield modelRefusal(turn.ask.model);
    } else if (options.kind === 'model_not_found') {
      const message = options.detail ?? `The model '${turn.ask.model}' does not exist or you do not have access to it.`;
      yield refuse(
        404,
        errorBody({ message, type: 'invalid_request_error', code: 'model_not_found' }),
        options.headers,
      );
    } else {
      const isNameless = options.kind === 'no_tool_output' || options.kind === 'item_not_found';
      const error = {
        message: options.detail ?? requestFaults[options.kind],
        type: 'invalid_request_error',
        code: isNameless ? null : options.kind,
      };
      yield refuse(400, errorBody(error), options.headers);
    }
  },
});

/** The 400 for a model outside the account's plan. */
export function modelRefusal(model: string): RefuseStep {
  return refuse(400, { detail: `The '${model}' model is not supported when using Codex with a ChatGPT account.` });
}

const raw = behaviour({
  what: 'Any status, headers and body.',
  options: z.object({ status: z.number().int().min(200).max(599), headers, body: z.unknown().default('') }),
  *answer(_turn, options) {
    yield refuse(options.status, options.body, options.headers);
  },
});

export const refusalBehaviours = { F1: f1, F2: f2, F3: f3, F4: f4, F5: f5, raw };
