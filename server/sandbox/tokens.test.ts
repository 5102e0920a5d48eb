import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBench, type Bench } from './client-for-tests.ts';
import { challengeOf } from './services/sign-ins.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

interface Tokens {
  access_token: string;
  refresh_token: string;
  id_token: string;
  expires_in: number;
}

const refresh = (token: string) =>
  bench.post('/oauth/token', { client_id: 'app', grant_type: 'refresh_token', refresh_token: token });
const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code;
const claimsOf = (jwt: string) =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, Record<string, unknown>>;

describe('refresh', () => {
  it('rotates: the new tokens work, and the old refresh token kills the family', async () => {
    const answer = await refresh(bench.tokens.refreshToken);
    const next = (await answer.json()) as Tokens;
    expect(next).toMatchObject({ token_type: 'Bearer', expires_in: 864_000 });
    expect((await bench.ask({}, { authorization: `Bearer ${next.access_token}` })).status).toBe(200);
    expect(bench.account.counters).toMatchObject({ refreshes: 1 });

    const again = await refresh(bench.tokens.refreshToken);
    expect([again.status, await codeOf(again)]).toEqual([401, 'refresh_token_reused']);
    expect((await bench.ask({}, { authorization: `Bearer ${next.access_token}` })).status).toBe(401);
    expect(await codeOf(await refresh(next.refresh_token))).toBe('refresh_token_invalidated');
  });

  it('leaves other logins of the account alone when a family dies', async () => {
    const other = bench.account.signIn();
    await refresh(bench.tokens.refreshToken);
    await refresh(bench.tokens.refreshToken);
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  it('takes form encoding too', async () => {
    const answer = await fetch(`${bench.sandbox.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: bench.tokens.refreshToken }),
    });
    expect(answer.status).toBe(200);
  });

  it('expires access tokens until a refresh', async () => {
    bench.account.expireAccessTokens();
    expect(await codeOf(await bench.ask())).toBe('token_expired');
    const next = (await (await refresh(bench.tokens.refreshToken)).json()) as Tokens;
    expect((await bench.ask({}, { authorization: `Bearer ${next.access_token}` })).status).toBe(200);
  });

  it('lets access tokens run out by the clock', async () => {
    bench.clock.advance(864_001_000);
    expect(await codeOf(await bench.ask())).toBe('token_expired');
  });

  it('keeps the old refresh token when the answer names no new one', async () => {
    bench.account.answers({ behaviour: 'A2', kind: 'without_refresh_token' });
    expect(await (await refresh(bench.tokens.refreshToken)).json()).not.toHaveProperty('refresh_token');
    expect((await refresh(bench.tokens.refreshToken)).status).toBe(200);
  });

  it.each([
    ['reused', 401, 'refresh_token_reused'],
    ['expired', 401, 'refresh_token_expired'],
    ['invalidated', 401, 'refresh_token_invalidated'],
    ['invalid_grant', 400, '"error":"invalid_grant"'],
    ['rate_limited', 429, 'rate_limit_exceeded'],
    ['server_error', 500, 'server_error'],
  ] as const)('fails as scripted: %s', async (kind, status, text) => {
    bench.account.answers({ behaviour: 'A3', kind });
    const answer = await refresh(bench.tokens.refreshToken);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(text);
    expect((await refresh(bench.tokens.refreshToken)).status).toBe(200);
  });

  it('loses an answer after the token was spent', async () => {
    bench.account.answers({ behaviour: 'A3', kind: 'answer_lost' });
    await expect(refresh(bench.tokens.refreshToken)).rejects.toThrow();
    expect(bench.account.counters).toMatchObject({ refreshes: 1 });
    expect(await codeOf(await refresh(bench.tokens.refreshToken))).toBe('refresh_token_reused');
  });
});

describe('sign-in', () => {
  const redirectUri = 'http://127.0.0.1:1455/auth/callback';

  async function authorize(verifier: string): Promise<URL> {
    const query = new URLSearchParams({
      response_type: 'code',
      redirect_uri: redirectUri,
      code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256',
      state: 'state-1',
    });
    const answer = await bench.get(`/oauth/authorize?${query}`);
    expect(answer.status).toBe(302);
    return new URL(answer.headers.get('location') ?? '');
  }

  const exchange = (fields: Record<string, string>) =>
    fetch(`${bench.sandbox.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: redirectUri, ...fields }),
    });

  it('exchanges a code once, for the account that signs in', async () => {
    bench.sandbox.signsInAs('ben');
    const back = await authorize('verifier');
    expect(back.searchParams.get('state')).toBe('state-1');
    const code = back.searchParams.get('code') ?? '';
    const tokens = (await (await exchange({ code, code_verifier: 'verifier' })).json()) as Tokens;
    const auth = claimsOf(tokens.id_token)['https://api.openai.com/auth'];
    expect(auth).toMatchObject({ chatgpt_account_id: bench.sandbox.account('ben').id, chatgpt_plan_type: 'plus' });
    expect((await exchange({ code, code_verifier: 'verifier' })).status).toBe(400);
  });

  it('refuses a wrong verifier and a wrong redirect address', async () => {
    const first = (await authorize('verifier')).searchParams.get('code') ?? '';
    expect((await exchange({ code: first, code_verifier: 'other' })).status).toBe(400);
    const second = (await authorize('verifier')).searchParams.get('code') ?? '';
    const elsewhere = { code: second, code_verifier: 'verifier', redirect_uri: 'http://evil.example' };
    expect((await exchange(elsewhere)).status).toBe(400);
  });

  it('comes back with an error when the person says no', async () => {
    bench.account.answers({ behaviour: 'A6' });
    expect((await authorize('verifier')).searchParams.get('error')).toBe('access_denied');
  });

  it('signs in with a device code: pending, then a code whose pair the provider made', async () => {
    const start = (await (await bench.post('/api/accounts/deviceauth/usercode', {})).json()) as Record<string, string>;
    expect(start).toMatchObject({ interval: '5' });
    bench.account.answers({ behaviour: 'A5', kind: 'pending_404', times: 2 });
    const poll = () => bench.post('/api/accounts/deviceauth/token', start);
    expect([(await poll()).status, (await poll()).status, (await poll()).status]).toEqual([404, 404, 403]);
    const approved = (await (await poll()).json()) as Record<string, string>;
    const answer = await exchange({
      code: approved['authorization_code'] ?? '',
      code_verifier: approved['code_verifier'] ?? '',
      redirect_uri: 'https://auth.openai.com/deviceauth/callback',
    });
    expect(answer.status).toBe(200);
  });

  it.each([
    ['denied', 400],
    ['expired', 400],
  ] as const)('ends a device sign-in: %s', async (kind, status) => {
    bench.account.answers({ behaviour: 'A5', kind });
    expect((await bench.post('/api/accounts/deviceauth/token', {})).status).toBe(status);
  });

  it('knows personal access tokens', async () => {
    const token = bench.account.personalAccessToken();
    const whoami = await fetch(`${bench.sandbox.url}/api/accounts/v1/user-auth-credential/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await whoami.json()).toMatchObject({ chatgpt_account_id: bench.account.id, email: 'anna@sandbox.example' });
    expect((await bench.ask({}, { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  it('revokes a whole login', async () => {
    expect((await bench.post('/oauth/revoke', { token: bench.tokens.refreshToken })).status).toBe(200);
    expect((await bench.ask()).status).toBe(401);
  });

  it('writes an auth.json whose tokens are live', async () => {
    const file = JSON.parse(bench.account.authJson({ auth_mode: undefined })) as { tokens: Record<string, string> };
    expect(file).not.toHaveProperty('auth_mode');
    expect(file.tokens['account_id']).toBe(bench.account.id);
    expect((await bench.ask({}, { authorization: `Bearer ${file.tokens['access_token']}` })).status).toBe(200);
    expect((await refresh(file.tokens['refresh_token'] ?? '')).status).toBe(200);
  });
});
