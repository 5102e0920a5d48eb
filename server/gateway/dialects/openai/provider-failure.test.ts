import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { providerFailure } from './provider-failure.ts';
import { renderOpenAiError, renderProviderFailure, renderProviderRefusal } from './render-error.ts';

const now = new Date('2026-03-01T12:00:00Z');

describe('a failure of the provider', () => {
  it.each([
    [{ error: { code: 'context_length_exceeded' } }, 400, 400, 'context_length_exceeded'],
    [
      { error: { message: 'Your input exceeds the context window of this model' } },
      400,
      400,
      'context_length_exceeded',
    ],
    [{}, 413, 400, 'context_length_exceeded'],
    [{ detail: "The 'gpt-x' model is not supported when using Codex" }, 400, 404, 'model_not_found'],
    [{ error: { code: 'model_not_found' } }, 404, 404, 'model_not_found'],
    [{}, 404, 502, 'upstream_status'],
    [{}, 401, 502, 'upstream_auth_unavailable'],
    [{ detail: 'Forbidden' }, 403, 502, 'upstream_auth_unavailable'],
    [{}, 429, 429, 'rate_limit_exceeded'],
    [{ error: { type: 'usage_limit_reached' } }, 429, 429, 'usage_limit_reached'],
    [{ error: { code: 'server_is_overloaded' } }, 503, 503, 'server_is_overloaded'],
    [{}, 500, 502, 'upstream_error'],
    [{ error: { code: 'cyber_policy', message: 'no' } }, 400, 400, 'cyber_policy'],
    [{ error: { code: 'strange words!', message: 'no' } }, 400, 400, 'invalid_request'],
    [{ error: { code: 'x'.repeat(81), message: 'no' } }, 400, 400, 'invalid_request'],
    [{ error: { type: 'invalid_request_error', code: null, message: 'no' } }, 400, 400, 'invalid_request'],
    [{ code: 'server_error', message: 'x' }, null, 502, 'upstream_error'],
    [{}, null, 502, 'upstream_error'],
    [{ code: 'constructor' }, null, 502, 'upstream_error'],
  ])('%j with status %s is told as %s %s', (error, status, told, code) => {
    expect(providerFailure(error, status)).toMatchObject({ status: told, code });
  });

  it('names the field at fault of a request, and nothing that could be anybody’s', () => {
    const message =
      'Bad value from anna@example.org (org-abcdef123456, eyJhbGciOiJIUzI1NiJ9.e30.sig12345) see https://a.b/c?token=1 in acct_12345678';
    const failure = providerFailure({ error: { code: 'invalid_prompt', message, param: 'input[2].content' } }, 400);
    expect(failure).toMatchObject({ type: 'invalid_request_error', param: 'input[2].content' });
    expect(failure.message).toMatch(/^Bad value from/);
    expect(failure.message).not.toMatch(/anna|abcdef|eyJ|token|12345678/);
    expect(providerFailure({ error: { message: 'secret', code: 'server_error' } }, 500).message).not.toContain(
      'secret',
    );
  });

  it('begins with the words by which tools recognise an overflow', () => {
    expect(providerFailure({}, 413).message).toMatch(/^This model's maximum context length/);
  });

  it('is JSON where the network edge sent a page', () => {
    const answer = {
      status: 403,
      headers: new Map([['content-type', 'text/html']]),
      body: Buffer.from('<html>Blocked'),
    };
    const fault = { answer, retryAfterMs: null, upstreamStatus: 403 } as unknown as Parameters<
      typeof renderProviderRefusal
    >[0];
    const rendered = renderProviderRefusal(fault);
    expect(rendered).toMatchObject({ status: 502, body: { error: { type: 'server_error', param: null } } });
    expect(JSON.stringify(rendered.body)).not.toContain('html');
  });

  it('says when to come back only as far as a client library would wait', () => {
    const failure = providerFailure({ error: { code: 'rate_limit_exceeded' } }, 429);
    expect(renderProviderFailure(failure, 20).headers).toEqual({ 'retry-after': '20' });
    expect(renderProviderFailure(failure, 61).headers).toEqual({ 'retry-after': '61', 'x-should-retry': 'false' });
    expect(renderProviderFailure(failure, null).headers).toEqual({});
    const overloaded = providerFailure({ error: { code: 'server_is_overloaded' } }, 503);
    expect(renderProviderFailure(overloaded, null).headers).toEqual({ 'retry-after': '5' });
  });
});

describe('an error of our own on the OpenAI surface', () => {
  it.each([
    ['api_key_missing', 401, 'invalid_request_error', 'invalid_api_key'],
    ['api_key_paused', 401, 'invalid_request_error', 'api_key_disabled'],
    ['api_key_revoked', 401, 'invalid_request_error', 'api_key_disabled'],
    ['api_key_expired', 401, 'invalid_request_error', 'api_key_disabled'],
    ['v1_compatibility_disabled', 403, 'invalid_request_error', 'v1_compatibility_disabled'],
    ['address_not_allowed', 403, 'invalid_request_error', 'access_denied'],
    ['model_not_allowed', 403, 'invalid_request_error', 'model_not_allowed'],
    ['invalid_model', 404, 'invalid_request_error', 'model_not_found'],
    ['unsupported_endpoint', 404, 'invalid_request_error', 'unsupported_endpoint'],
    ['method_not_allowed', 405, 'invalid_request_error', 'method_not_allowed'],
    ['invalid_path', 400, 'invalid_request_error', 'invalid_request'],
    ['usage_limit_reached', 429, 'insufficient_quota', 'usage_limit_reached'],
    ['api_key_policy_limit_exceeded', 429, 'rate_limit_error', 'rate_limit_exceeded'],
    ['server_is_overloaded', 503, 'server_error', 'server_is_overloaded'],
    ['internal_error', 500, 'server_error', 'internal_error'],
  ] as const)('%s has status %i, type %s and code %s', (code, status, type, told) => {
    const rendered = renderOpenAiError(new GatewayError(code), now);
    expect(rendered).toMatchObject({ status, body: { error: { type, code: told, param: null } } });
    const asksAgain = status === 429 || status >= 500;
    expect(rendered.headers['x-should-retry']).toBe(asksAgain ? undefined : 'false');
  });

  it('names the moment at which a limit ends, and forbids asking sooner', () => {
    const soon = new GatewayError('usage_limit_reached', { resetsAt: new Date(now.getTime() + 600_000) });
    expect(renderOpenAiError(soon, now)).toMatchObject({
      headers: { 'retry-after': '600', 'x-should-retry': 'false' },
      body: { error: { resets_at: now.getTime() / 1000 + 600, resets_in_seconds: 600 } },
    });
    expect(renderOpenAiError(new GatewayError('usage_limit_reached'), now).headers).toEqual({});
  });

  it('forbids asking again for what only one account could have read', () => {
    const continuity = { pinnedBy: 'compaction', reason: 'account_signed_out' } as const;
    const pinned = new GatewayError('pinned_continuation_unavailable', { continuity });
    expect(renderOpenAiError(pinned, now)).toMatchObject({
      status: 503,
      headers: { 'x-should-retry': 'false', 'x-codex-recovery-kind': 'restart_with_full_context' },
    });
  });
});
