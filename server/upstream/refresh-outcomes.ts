/**
 * The closed table of what the provider's answer to a refresh means (wire spec B4). Only words documented as final end
 * a sign-in; whatever else happens, the account is tried again later. Pure.
 */
import type { RefreshOutcome, RenewedTokens } from '../accounts/refresh-outcome.ts';
import { recordOf } from '../lib/json-values.ts';
import type { NetworkFaultKind } from '../world/world.ts';

/** An answer that arrived whole. `body` is the parsed JSON, undefined when it is none. */
export interface RefreshAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterMs: number | null;
}

/** Codes that end a sign-in at once, and the statuses they count with: those the provider is known by (wire spec B4). */
const terminalCodes: ReadonlyMap<string, readonly number[]> = new Map([
  ['refresh_token_expired', [400, 401, 403]],
  ['refresh_token_reused', [400, 401, 403]],
  ['refresh_token_invalidated', [400, 401, 403]],
  ['invalid_grant', [400, 401]],
]);

/** Codes that users of other programs saw on dead accounts (wire spec B4): these must be seen twice. */
const doubtfulCodes: ReadonlySet<string> = new Set([
  'app_session_terminated',
  'account_session_expired',
  'token_invalidated',
  'account_deactivated',
  'account_suspended',
  'account_deleted',
]);

/** What an answer means. */
export function outcomeOfAnswer({ status, body, retryAfterMs }: RefreshAnswer): RefreshOutcome {
  if (status >= 200 && status < 300) {
    const tokens = readTokens(body);
    // The provider may have spent the old token and told us so in a way we cannot read.
    return tokens ? { kind: 'renewed', tokens } : { kind: 'uncertain', reason: 'refresh_answer_unreadable' };
  }
  const code = readErrorCode(body);
  if (code !== null && terminalCodes.get(code)?.includes(status)) return { kind: 'terminal', reason: code };
  const wait = retryAfterMs === null ? {} : { retryAfterMs };
  const isDead = code !== null && doubtfulCodes.has(code) && (status === 400 || status === 401 || status === 403);
  if (!isDead && status !== 401) return { kind: 'transient', reason: `refresh_http_${status}`, ...wait };
  return { kind: 'transient', reason: isDead ? code : 'refresh_unauthorized', endsWhenConfirmed: true, ...wait };
}

/** What a call without a status line means: unless the connection never stood, the token may have been spent. */
export function outcomeOfFault(kind: NetworkFaultKind): RefreshOutcome {
  return kind === 'connect'
    ? { kind: 'transient', reason: 'refresh_unreachable' }
    : { kind: 'uncertain', reason: 'refresh_answer_lost' };
}

/** The error's code in any of its shapes: `{error: 'code'}`, `{error: {code}}`, `{detail: {code}}` (wire spec B15). */
function readErrorCode(body: unknown): string | null {
  const { error, detail, code } = recordOf(body);
  for (const candidate of [error, recordOf(error)['code'], recordOf(detail)['code'], code]) {
    if (typeof candidate === 'string') return candidate;
  }
  return null;
}

function readTokens(body: unknown): RenewedTokens | null {
  const answer = recordOf(body);
  const tokens = {
    accessToken: tokenText(answer['access_token']),
    refreshToken: tokenText(answer['refresh_token']),
    idToken: tokenText(answer['id_token']),
  };
  if (tokens.accessToken === null && tokens.refreshToken === null && tokens.idToken === null) return null;
  const seconds = answer['expires_in'];
  const isLife = typeof seconds === 'number' && seconds > 0 && seconds <= longestLifeSeconds;
  return { ...tokens, expiresInSeconds: isLife ? seconds : null };
}

/** A year; access tokens live for ten days (wire spec B4). */
const longestLifeSeconds = 366 * 86_400;

/** Visible ASCII only: anything else could not travel in a header. */
function tokenText(value: unknown): string | null {
  return typeof value === 'string' && /^[\x21-\x7e]{1,32768}$/.test(value) ? value : null;
}
