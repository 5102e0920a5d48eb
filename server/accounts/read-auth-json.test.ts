import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../contract/gateway-error.ts';
import { readAuthJson } from './read-auth-json.ts';

const jwt = (claims: unknown): string =>
  ['h', Buffer.from(JSON.stringify(claims)).toString('base64url'), 's'].join('.');
const auth = {
  chatgpt_account_id: 'acc-from-claims',
  chatgpt_user_id: 'user-1',
  chatgpt_plan_type: 'plus',
  chatgpt_compute_residency: 'no_constraint',
};
const claims = { email: 'anna@example.com', 'https://api.openai.com/auth': auth };
const accessToken = jwt({ exp: 1_795_000_000, iat: 1_794_000_000, 'https://api.openai.com/auth': auth });
const tokens = { id_token: jwt(claims), access_token: accessToken, refresh_token: 'rt_canary', account_id: 'acc-1' };
const file = (over: Record<string, unknown> = {}) =>
  JSON.stringify({
    auth_mode: 'chatgpt',
    OPENAI_API_KEY: null,
    tokens,
    last_refresh: '2026-11-22T06:00:00.000000Z',
    ...over,
  });

const problem = (text: string): GatewayError => {
  try {
    readAuthJson(text);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it was accepted');
};

describe('a ChatGPT sign-in', () => {
  it('is read with everything it says', () => {
    expect(readAuthJson(file())).toEqual({
      accessToken,
      refreshToken: 'rt_canary',
      identity: {
        chatgptAccountId: 'acc-1',
        chatgptUserId: 'user-1',
        email: 'anna@example.com',
        plan: 'plus',
        residency: null,
        isFedramp: false,
        accessTokenExpiresAt: new Date(1_795_000_000_000),
        issuedAt: new Date(1_794_000_000_000),
      },
    });
  });

  it('needs no auth_mode, as in older files, and may start with a byte order mark', () => {
    const text = `\uFEFF${JSON.stringify({ tokens })}`;
    expect(readAuthJson(text).identity.chatgptAccountId).toBe('acc-1');
  });

  it('finds the account in the claims when the file does not name it', () => {
    const { account_id: _, ...unnamed } = tokens;
    expect(readAuthJson(file({ tokens: unnamed })).identity.chatgptAccountId).toBe('acc-from-claims');
  });

  it.each([
    ['the decoded claims', claims],
    ['flat fields', { email: 'anna@example.com', chatgpt_plan_type: 'plus', chatgpt_user_id: 'user-1' }],
    ['the token inside', { raw_jwt: jwt(claims) }],
  ])('may hold an id token that is an object with %s, as very old files do', (_, idToken) => {
    const { identity } = readAuthJson(file({ tokens: { ...tokens, id_token: idToken } }));
    expect(identity).toMatchObject({ email: 'anna@example.com', plan: 'plus', chatgptUserId: 'user-1' });
  });

  it('may have an expired access token or one that is no JWT, since the refresh token brings a new one', () => {
    const expired = readAuthJson(file({ tokens: { ...tokens, access_token: jwt({ exp: 1000 }) } }));
    expect(expired.identity.accessTokenExpiresAt).toEqual(new Date(1_000_000));
    const opaque = readAuthJson(file({ tokens: { ...tokens, access_token: 'opaque' } }));
    expect(opaque.identity).toMatchObject({ accessTokenExpiresAt: null, issuedAt: new Date('2026-11-22T06:00:00Z') });
  });
});

describe('what is refused', () => {
  it.each([
    ['an API key', { auth_mode: 'apikey', OPENAI_API_KEY: 'sk-canary' }, 'API key'],
    ['an API key without mode', { OPENAI_API_KEY: 'sk-canary' }, 'API key'],
    ['a personal access token', { OPENAI_API_KEY: null, personal_access_token: 'at-canary' }, 'personal access token'],
    [
      'an agent identity',
      { auth_mode: 'agentIdentity', agent_identity: { agent_private_key: 'canary' } },
      'agent identity',
    ],
    ['lent tokens', { auth_mode: 'chatgptAuthTokens', tokens }, 'another program'],
    ['tokens of another mode', { auth_mode: 'personalAccessToken', tokens }, 'personal access token'],
  ])('%s, by name', (_, content, words) => {
    const error = problem(JSON.stringify(content));
    expect(error.code).toBe('unsupported_auth_json');
    expect(error.detail).toContain(words);
  });

  it.each([
    ['no JSON', '{"tokens": canary', 'not JSON'],
    ['a list', '["canary"]', 'object'],
    ['an empty object', '{}', '"tokens"'],
    ['no access token', file({ tokens: { ...tokens, access_token: '' } }), 'access token'],
    ['no refresh token', file({ tokens: { ...tokens, refresh_token: null } }), 'refresh token'],
    ['a token that cannot be sent', file({ tokens: { ...tokens, access_token: 'can\nary' } }), 'access token'],
    ['no account', file({ tokens: { access_token: 'canary', refresh_token: 'canary' } }), 'account'],
  ])('%s, saying what is missing', (_, text, words) => {
    const error = problem(text);
    expect(error.code).toBe('invalid_auth_json');
    expect(error.detail).toContain(words);
  });

  it('is never repeated: no part of the file stands in the error or its cause', () => {
    const texts = [
      '{"tokens": canary',
      '"canary"',
      file({ tokens: { access_token: 'canary', refresh_token: 'canary' } }),
    ];
    for (const text of texts) {
      const error = problem(text);
      expect(`${error.message} ${error.sentence} ${error.stack} ${String(error.cause)}`).not.toContain('canary');
    }
  });

  it('any other text, with one of the two codes', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({
          tokens: fc.oneof(
            fc.jsonValue(),
            fc.record({
              access_token: fc.jsonValue(),
              refresh_token: fc.jsonValue(),
              id_token: fc.jsonValue(),
              account_id: fc.jsonValue(),
            }),
          ),
          auth_mode: fc.jsonValue(),
        })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          readAuthJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          expect(['invalid_auth_json', 'unsupported_auth_json']).toContain((error as GatewayError).code);
        }
      }),
    );
  });
});
