import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confirmedOutcome, refreshBackoffMs } from '../accounts/refresh-outcome.ts';
import { outcomeOfAnswer, outcomeOfFault } from './refresh-outcomes.ts';

const answer = (status: number, body?: unknown, retryAfterMs: number | null = null) =>
  outcomeOfAnswer({ status, body, retryAfterMs });
const error = (code: string) => ({ error: { message: 'no', type: 'invalid_request_error', code } });

describe('an answer that brings tokens', () => {
  it('renews, and absent tokens mean that the old ones stay', () => {
    expect(answer(200, { access_token: 'at', expires_in: 864_000 })).toEqual({
      kind: 'renewed',
      tokens: { accessToken: 'at', refreshToken: null, idToken: null, expiresInSeconds: 864_000 },
    });
  });

  it.each([[undefined], [{}], ['<html>'], [{ access_token: 'two\r\nlines' }]])(
    'is uncertain when nothing can be read from a 200: %j',
    (body) => {
      expect(answer(200, body).kind).toBe('uncertain');
    },
  );
});

describe('a refusal', () => {
  it.each([
    [401, error('refresh_token_reused'), 'refresh_token_reused'],
    [401, error('refresh_token_expired'), 'refresh_token_expired'],
    [401, error('refresh_token_invalidated'), 'refresh_token_invalidated'],
    [400, { error: 'invalid_grant', error_description: 'x' }, 'invalid_grant'],
    [400, error('invalid_grant'), 'invalid_grant'],
  ])('%i in documented words is final: %j', (status, body, reason) => {
    expect(answer(status, body)).toEqual({ kind: 'terminal', reason });
  });

  it.each([
    [400, error('invalid_request')],
    [403, undefined],
    [403, { detail: 'Forbidden' }],
    [429, error('invalid_grant')],
    [500, error('refresh_token_reused')],
    [503, undefined],
    [302, undefined],
    [404, { detail: 'Not Found' }],
  ])('%i otherwise is passing: %j', (status, body) => {
    expect(answer(status, body)).toEqual({ kind: 'transient', reason: `refresh_http_${status}` });
  });

  it('keeps the wait the provider asks for', () => {
    expect(answer(429, undefined, 5000)).toMatchObject({ kind: 'transient', retryAfterMs: 5000 });
  });

  it.each([
    [401, undefined, 'refresh_unauthorized'],
    [401, error('something_new'), 'refresh_unauthorized'],
    [401, error('app_session_terminated'), 'app_session_terminated'],
    [403, error('account_deactivated'), 'account_deactivated'],
  ])('%i in doubtful words must be seen twice: %j', (status, body, reason) => {
    expect(answer(status, body)).toEqual({ kind: 'transient', reason, endsWhenConfirmed: true });
  });

  it('is final only when status and code say so, whatever the body', () => {
    const final = ['refresh_token_expired', 'refresh_token_reused', 'refresh_token_invalidated', 'invalid_grant'];
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.jsonValue(), (status, body) => {
        const outcome = answer(status, body);
        if (outcome.kind === 'terminal') expect(final).toContain(outcome.reason);
        if (outcome.kind === 'renewed') expect(status).toBeLessThan(300);
      }),
    );
  });
});

describe('no answer', () => {
  it('is passing when nothing was sent, uncertain when it may have been', () => {
    expect(outcomeOfFault('connect').kind).toBe('transient');
    expect(['timeout', 'reset', 'aborted'].map((kind) => outcomeOfFault(kind as 'timeout').kind)).toEqual([
      'uncertain',
      'uncertain',
      'uncertain',
    ]);
  });
});

describe('a doubtful refusal', () => {
  const now = new Date('2026-11-22T06:00:00Z');
  const ago = (ms: number) => new Date(now.getTime() - ms);
  const doubtful = answer(401);

  it('ends the sign-in when the same was said a minute ago', () => {
    const confirmed = confirmedOutcome(doubtful, {
      failedBefore: { reason: 'refresh_unauthorized', since: ago(60_000) },
      now,
    });
    expect(confirmed).toEqual({ kind: 'terminal', reason: 'refresh_unauthorized' });
  });

  it.each([
    ['it is the first', null, 60_000],
    ['the first was seconds ago', 'refresh_unauthorized', 59_999],
    ['the failure before was another', 'refresh_http_500', 600_000],
  ])('does not when %s', (_, reason, ms) => {
    expect(confirmedOutcome(doubtful, { failedBefore: { reason, since: ago(ms) }, now })).toBe(doubtful);
  });

  it('is no rule for other failures', () => {
    const failed = answer(500);
    expect(confirmedOutcome(failed, { failedBefore: { reason: 'refresh_http_500', since: ago(1e9) }, now })).toBe(
      failed,
    );
  });
});

describe('the wait after failures', () => {
  it('doubles from half a minute to half an hour', () => {
    const waits = [1, 2, 3, 7, 50].map((failures) => refreshBackoffMs(failures, { fraction: 0.5 }));
    expect(waits).toEqual([30_000, 60_000, 120_000, 1_800_000, 1_800_000]);
  });

  it('is spread, and never shorter than the provider asks, up to an hour', () => {
    expect(refreshBackoffMs(1, { fraction: 0 })).toBe(27_000);
    expect(refreshBackoffMs(1, { fraction: 0, retryAfterMs: 90_000 })).toBe(90_000);
    expect(refreshBackoffMs(1, { fraction: 0, retryAfterMs: 1e9 })).toBe(3_600_000);
  });
});
