/**
 * The token office: JWT-shaped access and id tokens, refresh tokens that work once, families that die when a spent
 * refresh token comes back, and personal access tokens (wire spec B4, B5, B7).
 */
import type { Clock } from '../world/world.ts';
import type { Ids } from './ids.ts';

/** Client id of the Codex CLI (wire spec B2). */
export const codexClientId = 'app_EMoamEEZ73f0CkXaXp7hrann';
const issuer = 'https://auth.openai.com';

/** Who a token speaks for. Read at issue time, so a changed plan shows in the next token only. */
export interface TokenSubject {
  readonly name: string;
  readonly id: string;
  readonly userId: string;
  readonly email: string;
  readonly plan: string;
  readonly tokenLifeSeconds: number;
  readonly computeResidency: string;
  readonly fedramp: boolean;
}

export interface TokenSet {
  readonly idToken: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
}

type AccessState = 'live' | 'expired' | 'invalidated';
export type AccessCheck =
  | { readonly state: 'unknown' }
  | { readonly state: AccessState; readonly account: string; readonly personal: boolean };

export type RefreshCheck =
  | { readonly state: 'unknown' }
  | { readonly state: 'live' | 'reused' | 'invalidated'; readonly account: string; readonly family: number };

interface AccessRecord {
  readonly account: string;
  readonly family: number;
  readonly expiresAtMs: number;
  readonly personal: boolean;
  state: AccessState;
}
interface RefreshRecord {
  readonly account: string;
  readonly family: number;
  state: 'live' | 'spent' | 'invalidated';
}

export interface TokenOffice {
  /** Tokens of a new login, or of the next step of a family. */
  issue(subject: TokenSubject, family?: number): TokenSet;
  issuePersonal(subject: TokenSubject): string;
  checkAccess(token: string): AccessCheck;
  checkRefresh(token: string): RefreshCheck;
  /** Takes a live refresh token out of use. A second attempt reads as `reused` and kills the whole family. */
  spendRefresh(token: string): RefreshCheck;
  /** Puts a spent refresh token back into use, for an answer that named no new one. */
  reviveRefresh(token: string): void;
  /** Ends every access token an account has now; tokens issued later work. */
  endAccessTokens(account: string, state: 'expired' | 'invalidated'): void;
  killFamily(family: number): void;
  reset(): void;
}

export function createTokenOffice(parts: { clock: Clock; ids: Ids }): TokenOffice {
  const access = new Map<string, AccessRecord>();
  const refresh = new Map<string, RefreshRecord>();
  let families = 0;

  function killFamily(family: number): void {
    for (const record of access.values()) if (record.family === family) record.state = 'invalidated';
    for (const record of refresh.values()) {
      if (record.family === family && record.state === 'live') record.state = 'invalidated';
    }
  }

  function checkRefresh(token: string): RefreshCheck {
    const record = refresh.get(token);
    if (!record) return { state: 'unknown' };
    const state = record.state === 'spent' ? 'reused' : record.state;
    return { state, account: record.account, family: record.family };
  }

  return {
    issue(subject, family = ++families) {
      const nowSeconds = Math.floor(parts.clock.now().getTime() / 1000);
      const expiresAt = nowSeconds + subject.tokenLifeSeconds;
      const accessToken = writeJwt(accessClaims(subject, { nowSeconds, expiresAt, jti: parts.ids.next('jti') }));
      const idToken = writeJwt(idClaims(subject, { nowSeconds, expiresAt, jti: parts.ids.next('jti') }));
      const refreshToken = `${parts.ids.next('rt')}_${subject.name}`;
      const owner = { account: subject.name, family };
      access.set(accessToken, { ...owner, expiresAtMs: expiresAt * 1000, personal: false, state: 'live' });
      refresh.set(refreshToken, { ...owner, state: 'live' });
      return { idToken, accessToken, refreshToken, expiresInSeconds: subject.tokenLifeSeconds };
    },
    issuePersonal(subject) {
      const token = `at-${parts.ids.next('pat')}-${subject.name}`;
      access.set(token, {
        account: subject.name,
        family: ++families,
        expiresAtMs: Number.POSITIVE_INFINITY,
        personal: true,
        state: 'live',
      });
      return token;
    },
    checkAccess(token) {
      const record = access.get(token);
      if (!record) return { state: 'unknown' };
      const isOld = record.state === 'live' && record.expiresAtMs <= parts.clock.now().getTime();
      return { state: isOld ? 'expired' : record.state, account: record.account, personal: record.personal };
    },
    checkRefresh,
    spendRefresh(token) {
      const check = checkRefresh(token);
      if (check.state === 'live') refresh.get(token)!.state = 'spent';
      if (check.state === 'reused') killFamily(check.family);
      return check;
    },
    reviveRefresh(token) {
      const record = refresh.get(token);
      if (record) record.state = 'live';
    },
    endAccessTokens(account, state) {
      for (const record of access.values()) {
        if (record.account === account && record.state === 'live') record.state = state;
      }
    },
    killFamily,
    reset() {
      access.clear();
      refresh.clear();
      families = 0;
    },
  };
}

interface Stamp {
  readonly nowSeconds: number;
  readonly expiresAt: number;
  readonly jti: string;
}

function authClaims(subject: TokenSubject): Record<string, unknown> {
  return {
    chatgpt_account_id: subject.id,
    chatgpt_account_user_id: `${subject.userId}__${subject.id}`,
    chatgpt_plan_type: subject.plan,
    chatgpt_user_id: subject.userId,
    user_id: subject.userId,
    chatgpt_compute_residency: subject.computeResidency,
    chatgpt_account_is_fedramp: subject.fedramp,
    organizations: [{ id: `org-${subject.name}`, title: 'Personal', role: 'owner', is_default: true }],
  };
}

function accessClaims(subject: TokenSubject, stamp: Stamp): Record<string, unknown> {
  return {
    aud: ['https://api.openai.com/v1'],
    client_id: codexClientId,
    exp: stamp.expiresAt,
    'https://api.openai.com/auth': authClaims(subject),
    'https://api.openai.com/profile': { email: subject.email, email_verified: true },
    iat: stamp.nowSeconds,
    iss: issuer,
    jti: stamp.jti,
    nbf: stamp.nowSeconds,
    scp: ['openid', 'profile', 'email', 'offline_access'],
    sub: `auth0|${subject.userId}`,
  };
}

function idClaims(subject: TokenSubject, stamp: Stamp): Record<string, unknown> {
  return {
    aud: [codexClientId],
    email: subject.email,
    email_verified: true,
    exp: stamp.expiresAt,
    'https://api.openai.com/auth': authClaims(subject),
    iat: stamp.nowSeconds,
    iss: issuer,
    jti: stamp.jti,
    sub: `auth0|${subject.userId}`,
  };
}

/** Shaped like a JWT and readable like one. The third part is no signature: nobody but the sandbox accepts it. */
function writeJwt(claims: Record<string, unknown>): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return [encode({ alg: 'none', typ: 'JWT' }), encode(claims), Buffer.from('sandbox').toString('base64url')].join('.');
}
