import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faults, type FaultKind } from './faults.ts';
import { judgeLateFailure, judgeRefusal, messageOf, passesOn } from './judge-response.ts';

const now = new Date('2026-11-23T12:00:00Z');

interface Row {
  readonly says: string;
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly kind: FaultKind;
  readonly code?: string;
}

const page = '<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>';
const html = { 'content-type': 'text/html; charset=UTF-8', server: 'cloudflare' };

/** Wire spec B15, row by row. */
const rows: readonly Row[] = [
  { says: 'an expired token', status: 401, body: error({ code: 'token_expired', type: null }), kind: 'token_rejected' },
  { says: 'nothing but Unauthorized', status: 401, body: { detail: 'Unauthorized' }, kind: 'token_rejected' },
  { says: 'an invalidated token', status: 401, body: error({ code: 'token_invalidated' }), kind: 'token_rejected' },
  { says: 'a revoked token', status: 401, body: error({ code: 'token_revoked' }), kind: 'token_rejected' },
  { says: 'a deactivated account', status: 401, body: error({ code: 'account_deactivated' }), kind: 'account_dead' },
  {
    says: 'a deactivated account as 403',
    status: 403,
    body: error({ code: 'account_deactivated' }),
    kind: 'account_dead',
  },
  {
    says: 'a deactivated workspace',
    status: 402,
    body: { detail: { code: 'deactivated_workspace' } },
    kind: 'account_dead',
    code: 'deactivated_workspace',
  },
  { says: 'a challenge page', status: 403, body: page, headers: html, kind: 'edge_blocked', code: 'upstream_403' },
  {
    says: 'a challenge without a page',
    status: 403,
    body: '',
    headers: { 'cf-mitigated': 'challenge' },
    kind: 'edge_blocked',
  },
  {
    says: 'a refusal by policy',
    status: 403,
    body: error({ code: 'forbidden', message: 'Not for you.' }),
    kind: 'policy_refused',
  },
  { says: 'a refusal by policy as detail', status: 403, body: { detail: 'Forbidden' }, kind: 'policy_refused' },
  {
    says: 'a used-up limit',
    status: 429,
    body: error({ type: 'usage_limit_reached', plan_type: 'plus', resets_at: 1_788_543_035 }),
    kind: 'usage_exhausted',
    code: 'usage_limit_reached',
  },
  {
    says: 'a plan without the feature',
    status: 429,
    body: error({ type: 'usage_not_included' }),
    kind: 'plan_lacks_feature',
  },
  {
    says: 'too many requests',
    status: 429,
    body: error({ type: 'tokens', code: 'rate_limit_exceeded' }),
    kind: 'rate_limited',
    code: 'rate_limit_exceeded',
  },
  { says: '429 and no more', status: 429, body: '', kind: 'rate_limited', code: 'upstream_429' },
  {
    says: 'no money',
    status: 429,
    body: error({ type: 'insufficient_quota', code: 'insufficient_quota' }),
    kind: 'usage_exhausted',
  },
  {
    says: 'a model not in the plan',
    status: 400,
    body: { detail: "The 'gpt-6-x' model is not supported when using Codex with a ChatGPT account." },
    kind: 'model_unavailable',
  },
  { says: 'an unknown model', status: 404, body: error({ code: 'model_not_found' }), kind: 'model_unavailable' },
  ...['context_length_exceeded', 'invalid_prompt', 'cyber_policy', 'misalignment_policy_violation'].map((code) => ({
    says: code,
    status: 400,
    body: error({ code }),
    kind: 'request_refused' as const,
    code,
  })),
  {
    says: 'an unknown previous response',
    status: 400,
    body: error({ code: 'previous_response_not_found' }),
    kind: 'request_refused',
  },
  {
    says: "another account's encrypted content",
    status: 400,
    body: error({ code: 'invalid_encrypted_content' }),
    kind: 'sealed_elsewhere',
  },
  {
    says: 'an item that is not there',
    status: 400,
    body: error({ type: 'invalid_request_error', code: null, message: "Item with id 'rs_1' not found." }),
    kind: 'request_refused',
    code: 'invalid_request_error',
  },
  {
    says: 'a broken transcript',
    status: 400,
    body: { detail: 'No tool output found for function call call_1.' },
    kind: 'request_refused',
    code: 'upstream_400',
  },
  {
    says: 'a list of validation errors',
    status: 422,
    body: { detail: [{ loc: ['body'], msg: 'field required' }] },
    kind: 'request_refused',
  },
  ...[500, 502, 503, 504, 520, 521, 522, 523, 524, 529].map((status) => ({
    says: `${status} with a page`,
    status,
    body: page,
    headers: html,
    kind: 'provider_failed' as const,
    code: `upstream_${status}`,
  })),
  {
    says: 'a model at capacity',
    status: 503,
    body: error({ code: 'server_is_overloaded' }),
    kind: 'model_overloaded',
  },
  { says: 'a redirect', status: 307, body: '', headers: { location: 'https://elsewhere.example' }, kind: 'redirected' },
  {
    says: 'an error that is a word',
    status: 400,
    body: { error: 'invalid_grant', error_description: 'no' },
    kind: 'request_refused',
    code: 'invalid_grant',
  },
];

describe('a refusal', () => {
  it.each(rows)('that says $says ($status) is $kind', ({ status, body, headers, kind, code }) => {
    const fault = judgeRefusal(answer({ status, body, headers }), now);
    expect(fault.kind).toBe(kind);
    expect(fault.upstreamStatus).toBe(status);
    if (code) expect(fault.code).toBe(code);
  });

  it('says until when a limit is used up, and no other refusal does', () => {
    const resetsAt = now.getTime() / 1000 + 60;
    const body = (error: object) => Buffer.from(JSON.stringify({ error }));
    const limit = judgeRefusal(
      { status: 429, headers: new Map(), body: body({ type: 'usage_limit_reached', resets_at: resetsAt }) },
      now,
    );
    expect(limit.exhausts).toMatchObject([{ usedPercent: 100, resetAt: new Date(resetsAt * 1000) }]);
    const late = judgeLateFailure({ error: { code: 'usage_limit_reached', resets_in_seconds: 60 } }, now);
    expect(late.exhausts).toMatchObject([{ usedPercent: 100, resetAt: new Date(resetsAt * 1000) }]);
    const speed = { status: 429, headers: new Map(), body: body({ code: 'rate_limit_exceeded' }) };
    expect(judgeRefusal(speed, now).exhausts).toBeUndefined();
  });

  it.each(['rate_limit_reached', 'workspace_member_credits_depleted', 'workspace_owner_usage_limit_reached'])(
    'that only its header explains (%s) is a used up limit',
    (word) => {
      const headers = new Map([['x-codex-rate-limit-reached-type', word]]);
      const fault = judgeRefusal({ status: 429, headers, body: Buffer.alloc(0) }, now);
      expect(fault.kind).toBe('usage_exhausted');
      expect(fault.exhausts).toHaveLength(1);
    },
  );

  it('takes the wait from the header, else from the message', () => {
    const body = error({ code: 'rate_limit_exceeded', message: 'Please try again in 1.5s.' });
    expect(judgeRefusal(answer({ status: 429, body }), now).retryAfterMs).toBe(1_500);
    const headers = { 'retry-after': '7' };
    expect(judgeRefusal(answer({ status: 429, body, headers }), now).retryAfterMs).toBe(7_000);
    expect(judgeRefusal(answer({ status: 500, body: '' }), now).retryAfterMs).toBeNull();
  });

  it('keeps no code that is not a plain word, whatever the body holds', () => {
    for (const code of ['My prompt was: hello', 'a\nb', 'x'.repeat(81), 'ключ'])
      expect(judgeRefusal(answer({ status: 400, body: error({ code }) }), now).code).toBe('upstream_400');
  });

  it('never throws and always names a known kind, for any status and any bytes', () => {
    const shapes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ error: fc.anything(), detail: fc.anything() }, { requiredKeys: [] })
        .map((value) => Buffer.from(JSON.stringify(value, (_key, each: unknown) => plain(each)) ?? '')),
    );
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), shapes, fc.boolean(), (status, body, isPage) => {
        const headers = new Map(isPage ? [['content-type', 'text/html']] : []);
        const fault = judgeRefusal({ status, headers, body }, now);
        expect(Object.keys(faults)).toContain(fault.kind);
        expect(fault.code).toMatch(/^[A-Za-z0-9_.:-]{1,80}$/);
        expect(() => messageOf(body)).not.toThrow();
      }),
    );
  });

  it('is shown to the client only when its row allows it, and never as a page', () => {
    const shown = judgeRefusal(answer({ status: 400, body: error({ code: 'invalid_prompt' }) }), now);
    expect(passesOn(shown)).toBe(true);
    expect(passesOn(judgeRefusal(answer({ status: 502, body: page, headers: html }), now))).toBe(false);
    expect(passesOn(judgeRefusal(answer({ status: 401, body: { detail: 'Unauthorized' } }), now))).toBe(false);
    expect(passesOn(judgeRefusal(answer({ status: 403, body: error({ code: 'forbidden' }) }), now))).toBe(false);
    expect(passesOn(judgeRefusal(answer({ status: 429, body: error({ type: 'usage_limit_reached' }) }), now))).toBe(
      false,
    );
  });
});

describe('a failure inside a stream', () => {
  it.each([
    ['usage_limit_reached', 'usage_exhausted'],
    ['insufficient_quota', 'usage_exhausted'],
    ['usage_not_included', 'plan_lacks_feature'],
    ['rate_limit_exceeded', 'rate_limited'],
    ['slow_down', 'rate_limited'],
    ['context_length_exceeded', 'request_refused'],
    ['invalid_prompt', 'request_refused'],
    ['cyber_policy', 'request_refused'],
    ['invalid_encrypted_content', 'sealed_elsewhere'],
    ['previous_response_not_found', 'request_refused'],
    ['server_is_overloaded', 'model_overloaded'],
    ['model_not_found', 'model_unavailable'],
    ['account_deactivated', 'account_dead'],
    ['server_error', 'provider_failed'],
    ['something_new', 'provider_failed'],
  ] as const)('with the code %s is %s', (code, kind) => {
    expect(judgeLateFailure({ error: { code, message: 'no' } }, now)).toMatchObject({
      kind,
      code,
      upstreamStatus: 200,
    });
  });

  it('takes the wait from its message', () => {
    const response = { error: { code: 'rate_limit_exceeded', message: 'Please try again in 800ms.' } };
    expect(judgeLateFailure(response, now).retryAfterMs).toBe(800);
  });

  it('goes by the type of an error that has no code', () => {
    expect(judgeLateFailure({ error: { type: 'usage_limit_reached' } }, now).kind).toBe('usage_exhausted');
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (response) => {
        expect(Object.keys(faults)).toContain(judgeLateFailure(response, now).kind);
      }),
    );
  });
});

function error(fields: Record<string, unknown>): unknown {
  return { error: { message: 'no', param: null, ...fields } };
}

function answer({
  status,
  body = '',
  headers,
}: {
  status: number;
  body?: unknown;
  headers?: Row['headers'] | undefined;
}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    status,
    headers: new Map(Object.entries(headers ?? { 'content-type': 'application/json' })),
    body: Buffer.from(text),
  };
}

/** `fc.anything` makes values that JSON cannot hold. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
