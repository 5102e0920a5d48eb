/**
 * Reads what a provider token says of its account, without checking its signature: the provider does that, and nothing
 * here grants anybody anything (wire spec B5). Tolerant: what is not there or has a wrong shape is null.
 */
import { parseJson, recordOf } from '../lib/json-values.ts';

/** Claims of an id token or access token that the gateway uses. */
export interface JwtClaims {
  readonly expiresAt: Date | null;
  readonly issuedAt: Date | null;
  readonly email: string | null;
  readonly chatgptAccountId: string | null;
  readonly chatgptUserId: string | null;
  readonly plan: string | null;
  /** Null also for `no_constraint`, which asks for nothing (wire spec B12). */
  readonly residency: string | null;
  readonly isFedramp: boolean;
}

const authClaim = 'https://api.openai.com/auth';
const profileClaim = 'https://api.openai.com/profile';

/** The claims of a JWT; all null for text that is none. Never throws. */
export function readJwtClaims(token: string): JwtClaims {
  return readClaims(payloadOf(token));
}

/** The same from an already decoded claims object, as very old auth.json files hold it. */
export function readClaims(payload: unknown): JwtClaims {
  const claims = recordOf(payload);
  const auth = recordOf(claims[authClaim]);
  const profile = recordOf(claims[profileClaim]);
  const residency = text(auth['chatgpt_compute_residency']);
  return {
    expiresAt: instant(claims['exp']),
    issuedAt: instant(claims['iat']),
    email: text(claims['email']) ?? text(profile['email']),
    chatgptAccountId: text(auth['chatgpt_account_id']),
    chatgptUserId: text(auth['chatgpt_user_id']) ?? text(auth['user_id']),
    plan: text(auth['chatgpt_plan_type']),
    residency: residency === 'no_constraint' ? null : residency,
    isFedramp: auth['chatgpt_account_is_fedramp'] === true,
  };
}

function payloadOf(token: string): unknown {
  const part = token.split('.', 3)[1];
  if (part === undefined || part.length > 65_536) return undefined;
  return parseJson(Buffer.from(part, 'base64url'));
}

/** Short printable text. These values travel in headers and stand in tables, so control characters are refused. */
function text(value: unknown): string | null {
  return typeof value === 'string' && /^[^\p{Cc}\p{Zl}\p{Zp}]{1,320}$/u.test(value) ? value : null;
}

/** Seconds since 1970, up to the year 9999. */
function instant(value: unknown): Date | null {
  return typeof value === 'number' && value > 0 && value < 253_402_300_800 ? new Date(Math.floor(value) * 1000) : null;
}
