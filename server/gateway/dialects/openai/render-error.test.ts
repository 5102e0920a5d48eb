import { describe, expect, it } from 'vitest';
import { errorCodes, errorRow, type ErrorCode } from '../../../contract/error-codes.ts';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { renderOpenAiError } from './render-error.ts';

const now = new Date('2026-01-01T00:00:00Z');
const headersOf = (code: ErrorCode, facts: { resetsAt?: Date; retryAfterMs?: number } = {}) =>
  renderOpenAiError(new GatewayError(code, facts), now).headers;

describe('an error on the OpenAI surface', () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])('says when asking again is no use: %s', (code) => {
    const { status, blame, openai } = errorRow(code);
    const told = openai?.status ?? status;
    const isOfTime = [408, 429].includes(told) || told >= 500;
    // Pins that are lost stay lost (`pinned_continuation_unavailable`).
    const isLost = code.startsWith('pinned_');
    if (blame === 'client' && !isOfTime) expect(headersOf(code)['x-should-retry']).toBe('false');
    if (isOfTime && !isLost) expect(headersOf(code)['x-should-retry']).toBeUndefined();
  });

  it('names a wait that libraries honour, and says to stop before one they do not', () => {
    const after = (seconds: number) =>
      headersOf('usage_limit_reached', { resetsAt: new Date(now.getTime() + seconds * 1000) });
    expect(after(60)).toEqual({ 'retry-after': '60' });
    expect(after(61)).toEqual({ 'retry-after': '61', 'x-should-retry': 'false' });
    expect(headersOf('usage_limit_reached')).toEqual({});
  });
});
