import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { renderErrorEvent, renderErrorFrame, renderRefusalFrame } from './render-error-frame.ts';

const read = (frame: Buffer) => JSON.parse(frame.toString('utf8')) as Record<string, unknown>;

describe('a refusal of the gateway', () => {
  it('has its status at the top level and the body of HTTP', () => {
    expect(read(renderErrorFrame(new GatewayError('model_not_allowed', { param: 'model' })))).toEqual({
      type: 'error',
      status: 400,
      error: {
        message: 'This API key may not use this model.',
        type: 'invalid_request_error',
        code: 'model_not_allowed',
        param: 'model',
      },
    });
  });

  it('says when exhausted accounts come back', () => {
    const error = new GatewayError('usage_limit_reached', { resetsAt: new Date(1_795_331_094_000) });
    expect(read(renderErrorFrame(error))).toMatchObject({
      status: 429,
      error: { type: 'usage_limit_reached', plan_type: null, resets_at: 1_795_331_094 },
    });
  });

  it('carries the way out of a conversation whose account cannot serve', () => {
    const continuity = { pinnedBy: 'compaction', reason: 'account_paused' } as const;
    expect(read(renderErrorFrame(new GatewayError('pinned_continuation_unavailable', { continuity })))).toMatchObject({
      status: 503,
      error: { recovery_kind: 'restart_with_full_context' },
      headers: { 'x-codex-recovery-kind': 'restart_with_full_context' },
    });
  });
});

describe('a refusal of the provider', () => {
  const otherwise = new GatewayError('upstream_refused');
  const frame = (status: number, body: unknown, headers: [string, string][] = []) =>
    read(
      renderRefusalFrame(
        {
          status,
          headers: new Map(headers),
          body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
        },
        otherwise,
      ),
    );

  it.each([
    [400, 'context_length_exceeded', 400],
    [401, 'token_expired', 401],
    [404, 'model_not_found', 400],
    [403, 'forbidden', 400],
    [413, 'too_large', 400],
    [422, 'unprocessable', 400],
    [429, 'usage_limit_reached', 429],
    [429, 'usage_not_included', 429],
    [429, 'insufficient_quota', 429],
    [429, 'rate_limit_exceeded', 503],
    [500, 'server_error', 500],
    [503, 'server_is_overloaded', 503],
  ])('%i %s reaches the client as %i, in its own words', (status, code, expected) => {
    const error = { message: 'in its own words', type: code, code, resets_at: 7 };
    expect(frame(status, { error })).toEqual({ type: 'error', status: expected, error });
  });

  it('keeps what says how long to wait and which limit it was, and no other header', () => {
    const headers: [string, string][] = [
      ['retry-after', '3'],
      ['set-cookie', 'x'],
    ];
    expect(frame(503, { error: { code: 'slow_down' } }, headers)['headers']).toEqual({ 'retry-after': '3' });
  });

  it('that is only a sentence becomes an error with that sentence', () => {
    expect(frame(400, { detail: 'The model is not supported.' })).toMatchObject({
      status: 400,
      error: { message: 'The model is not supported.', code: null },
    });
    expect(frame(402, { detail: { code: 'deactivated_workspace', message: 'no' } })).toMatchObject({
      status: 400,
      error: { message: 'no', code: 'deactivated_workspace' },
    });
  });

  it.each(['', '<html>', '[1]', '{"detail":[{"msg":"no"}]}'])(
    'without words a client reads (%s) is told in ours',
    (body) => {
      expect(frame(400, body)).toMatchObject({ status: 400, error: { code: 'upstream_refused' } });
    },
  );
});

describe('an error event in the middle of an answer', () => {
  it.each([
    [{ type: 'error', status: 400, error: { code: 'x' } }, 400, { code: 'x' }],
    [{ type: 'error', status_code: 429, error: { type: 'usage_limit_reached' } }, 429, { type: 'usage_limit_reached' }],
    [
      { type: 'error', code: 'server_error', message: 'no', sequence_number: 3 },
      502,
      { code: 'server_error', message: 'no' },
    ],
    [{ type: 'error', error: { code: 'x', status: 500 } }, 502, { code: 'x', status: 500 }],
  ])('gets a status at the top level: %j', (event, status, error) => {
    expect(read(renderErrorEvent(event))).toEqual({ type: 'error', status, error });
  });
});
