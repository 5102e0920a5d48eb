/** Sign-in services of the auth host: authorize, token, revoke, whoami (wire spec B2, B4, B7; D4 A1–A4, A6, A7). */
import type { Account } from '../account.ts';
import type { Provider } from '../provider.ts';
import type { RecordedRequest } from '../recorder.ts';
import { errorBody, refuse, type RefuseStep } from '../steps.ts';
import type { TokenSet } from '../tokens.ts';
import type { Route, RouteCall } from './routes.ts';
import { challengeOf } from './sign-ins.ts';

/** The fields of a token request, JSON or form. */
export function readFields(request: RecordedRequest): Readonly<Record<string, string>> {
  const isForm = request.header('content-type')?.includes('application/x-www-form-urlencoded');
  const text = request.body.toString('utf8');
  if (isForm) return Object.fromEntries(new URLSearchParams(text));
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {}; // Broken JSON has no fields; the handler then refuses the request.
  }
}

/** The account that is signing in: the chosen person, else the first account, else a new one. */
export function signingIn(provider: Provider): Account {
  const name = provider.signIns.person || provider.accounts.keys().next().value || 'person';
  return provider.account(name);
}

const refreshMessages = {
  refresh_token_reused:
    'Your refresh token has already been used to generate a new access token. Please try signing in again.',
  refresh_token_expired: 'Your refresh token has expired. Please try signing in again.',
  refresh_token_invalidated: 'Your refresh token has been invalidated. Please try signing in again.',
} as const;

/** A dead refresh token, as wire spec B4 shows it. */
export function refreshRefusal(code: keyof typeof refreshMessages): RefuseStep {
  return refuse(401, errorBody({ message: refreshMessages[code], type: 'invalid_request_error', code }));
}

function renderTokens(tokens: TokenSet): Record<string, unknown> {
  return {
    id_token: tokens.idToken,
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: 'Bearer',
    expires_in: tokens.expiresInSeconds,
    scope: 'openid profile email offline_access',
  };
}

function invalidGrant(description: string): RefuseStep {
  return refuse(400, { error: 'invalid_grant', error_description: description });
}

function grantOf(request: RecordedRequest): string | undefined {
  return readFields(request)['grant_type'];
}

/** Whose token request this is; the person signing in when nothing in it names anybody. */
function tokenCaller(provider: Provider, request: RecordedRequest): Account | RefuseStep {
  const token = readFields(request)['refresh_token'] ?? readFields(request)['token'];
  if (token === undefined) return signingIn(provider);
  const check = provider.tokens.checkRefresh(token);
  const account = check.state === 'unknown' ? undefined : provider.accounts.get(check.account);
  return account ?? refreshRefusal('refresh_token_invalidated');
}

function refreshTokens(call: RouteCall): RefuseStep {
  const { provider, account } = call;
  const token = readFields(call.request)['refresh_token'] ?? '';
  const check = provider.tokens.spendRefresh(token);
  if (check.state === 'reused') return refreshRefusal('refresh_token_reused');
  if (check.state !== 'live') return refreshRefusal('refresh_token_invalidated');
  account.counters.refreshes += 1;
  return refuse(200, renderTokens(provider.tokens.issue(account, check.family)));
}

function exchangeCode(call: RouteCall): RefuseStep {
  const { provider, request } = call;
  const fields = readFields(request);
  const code = provider.signIns.redeemCode(fields['code'] ?? '');
  if (!code) return invalidGrant('The authorization code is unknown or was used before.');
  if (challengeOf(fields['code_verifier'] ?? '') !== code.challenge) return invalidGrant('Wrong code_verifier.');
  if (!isSameRedirect(fields['redirect_uri'], code.redirectUri)) return invalidGrant('Wrong redirect_uri.');
  const account = provider.account(code.account);
  return refuse(200, renderTokens(provider.tokens.issue(account)));
}

/** Device logins name the auth host's own callback, whatever address a test reaches that host under. */
function isSameRedirect(given: string | undefined, expected: string): boolean {
  if (expected.endsWith(deviceCallback)) return given?.endsWith(deviceCallback) ?? false;
  return given === expected;
}
export const deviceCallback = '/deviceauth/callback';

function exchangeForApiKey(): RefuseStep {
  return refuse(200, { access_token: 'sk-sandbox-platform-key', token_type: 'Bearer' });
}

function authorize(call: RouteCall): RefuseStep {
  const query = new URLSearchParams(call.request.query);
  const redirectUri = query.get('redirect_uri');
  const challenge = query.get('code_challenge');
  if (!redirectUri || !challenge || query.get('code_challenge_method') !== 'S256') {
    return refuse(400, { detail: 'redirect_uri and an S256 code_challenge are required' });
  }
  const code = call.provider.signIns.issueCode({ account: call.account.name, redirectUri, challenge });
  return redirectBack(call.request, { code });
}

/** Sends the browser back to where the sign-in began, with the state it brought. */
export function redirectBack(request: RecordedRequest, answer: Readonly<Record<string, string>>): RefuseStep {
  const query = new URLSearchParams(request.query);
  const target = new URL(query.get('redirect_uri') ?? 'http://127.0.0.1:1455/auth/callback');
  for (const [name, value] of Object.entries(answer)) target.searchParams.set(name, value);
  const state = query.get('state');
  if (state !== null) target.searchParams.set('state', state);
  return refuse(302, '', { location: target.href });
}

function revoke(call: RouteCall): RefuseStep {
  const check = call.provider.tokens.checkRefresh(readFields(call.request)['token'] ?? '');
  if (check.state !== 'unknown') call.provider.tokens.killFamily(check.family);
  return refuse(200, {});
}

function whoamiCaller(provider: Provider, request: RecordedRequest): Account | RefuseStep {
  const token = request.header('authorization')?.replace(/^Bearer /, '') ?? '';
  const check = provider.tokens.checkAccess(token);
  const account = check.state === 'live' && check.personal ? provider.accounts.get(check.account) : undefined;
  return account ?? refuse(401, errorBody({ message: 'Invalid access token.', code: 'invalid_token' }));
}

function whoami(call: RouteCall): RefuseStep {
  const { account } = call;
  return refuse(200, {
    email: account.email,
    chatgpt_user_id: account.userId,
    chatgpt_account_id: account.id,
    chatgpt_plan_type: account.plan,
    chatgpt_account_is_fedramp: account.fedramp,
  });
}

const personSigningIn = (provider: Provider) => signingIn(provider);

/** `/oauth/token` serves three grants, each with its own script stage. */
const tokenGrants = {
  refresh_token: { stage: 'refresh', handle: refreshTokens },
  authorization_code: { stage: 'code', handle: exchangeCode },
  'urn:ietf:params:oauth:grant-type:token-exchange': { stage: 'api_key', handle: exchangeForApiKey },
} as const;

function tokenRoute(grant: keyof typeof tokenGrants): Route {
  const { stage, handle } = tokenGrants[grant];
  const path = /^\/oauth\/token$/;
  return { method: 'POST', path, stage, caller: tokenCaller, handle, accepts: (request) => grantOf(request) === grant };
}

export const oauthRoutes: readonly Route[] = [
  tokenRoute('refresh_token'),
  tokenRoute('authorization_code'),
  tokenRoute('urn:ietf:params:oauth:grant-type:token-exchange'),
  { method: 'GET', path: /^\/oauth\/authorize$/, stage: 'authorize', caller: personSigningIn, handle: authorize },
  { method: 'POST', path: /^\/oauth\/revoke$/, stage: 'revoke', caller: tokenCaller, handle: revoke },
  {
    method: 'GET',
    path: /^\/api\/accounts\/v1\/user-auth-credential\/whoami$/,
    stage: 'whoami',
    caller: whoamiCaller,
    handle: whoami,
  },
];
