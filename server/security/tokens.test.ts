import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClaims, readJwtClaims } from './tokens.ts';

const jwt = (claims: unknown): string =>
  ['h', Buffer.from(JSON.stringify(claims)).toString('base64url'), 's'].join('.');

describe('reading a token', () => {
  it('finds the account, the person and the times', () => {
    const token = jwt({
      exp: 1_795_000_000.7,
      iat: 1_794_000_000,
      'https://api.openai.com/profile': { email: 'anna@example.com' },
      'https://api.openai.com/auth': {
        chatgpt_account_id: 'acc-1',
        user_id: 'user-1',
        chatgpt_plan_type: 'pro',
        chatgpt_compute_residency: 'us',
        chatgpt_account_is_fedramp: true,
      },
    });
    expect(readJwtClaims(token)).toEqual({
      expiresAt: new Date(1_795_000_000_000),
      issuedAt: new Date(1_794_000_000_000),
      email: 'anna@example.com',
      chatgptAccountId: 'acc-1',
      chatgptUserId: 'user-1',
      plan: 'pro',
      residency: 'us',
      isFedramp: true,
    });
  });

  it('leaves out values that could not travel in a header', () => {
    expect(
      readJwtClaims(jwt({ email: 'a\r\nx-evil: 1', 'https://api.openai.com/auth': { chatgpt_plan_type: '' } })),
    ).toMatchObject({
      email: null,
      plan: null,
    });
  });

  it('takes any text and any claims without throwing, and never gives a wrong type', () => {
    const claims = fc.oneof(
      fc.jsonValue(),
      fc.record({ exp: fc.jsonValue(), email: fc.jsonValue(), 'https://api.openai.com/auth': fc.jsonValue() }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.string(), claims.map(jwt)), claims, (token, payload) => {
        for (const read of [readJwtClaims(token), readClaims(payload)]) {
          expect(read.email === null || typeof read.email === 'string').toBe(true);
          if (read.expiresAt) expect(Number.isNaN(read.expiresAt.getTime())).toBe(false);
        }
      }),
    );
  });
});
