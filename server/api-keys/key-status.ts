/** Whether a key may be used at a moment, derived from its dates, so that it ends without anybody acting. Pure. */
import type { ApiKeyStatus } from '../contract/vocabulary.ts';
import type { ApiKeyRow } from './api-key-store.ts';

/** Why a key may not be used, or not any longer; each is an error code. */
export type KeyEnd =
  | `api_key_${Exclude<ApiKeyStatus, 'active'>}`
  | 'api_key_missing'
  | 'api_key_moved'
  | 'api_key_rotated';

type KeyDates = Pick<ApiKeyRow, 'revokedAt' | 'expiresAt' | 'pausedAt'>;

/** The most final of its dates decides. */
export function statusOf(key: KeyDates, now: Date): ApiKeyStatus {
  if (key.revokedAt) return 'revoked';
  if (key.expiresAt && key.expiresAt <= now) return 'expired';
  if (key.pausedAt) return 'paused';
  return 'active';
}

/** When a key, or its secret before a rotation, ends next without anybody acting; null when none of it does. */
export function nextEndOf(key: Pick<ApiKeyRow, 'expiresAt' | 'previousEndsAt'>, now: Date): Date | null {
  const ends = [key.expiresAt, key.previousEndsAt].filter((each): each is Date => each !== null && each > now);
  return ends.length > 0 ? new Date(Math.min(...ends.map((each) => each.getTime()))) : null;
}

export interface EndQuestion {
  /** What was known of the key when it was recognised: its Pool, and which of its secrets was used. */
  readonly client: { readonly poolId: string; readonly keyPrefix: string };
  readonly now: Date;
}

/** Why a client of this key may not go on; null when it may. The reservation asks the same of the row itself. */
export function endOf(
  key: KeyDates & Pick<ApiKeyRow, 'poolId' | 'poolDisabledAt' | 'prefix' | 'previousPrefix' | 'previousEndsAt'>,
  { client, now }: EndQuestion,
): KeyEnd | null {
  if (key.poolDisabledAt) return 'api_key_missing';
  const status = statusOf(key, now);
  if (status !== 'active') return `api_key_${status}`;
  if (key.poolId !== client.poolId) return 'api_key_moved';
  if (client.keyPrefix === key.prefix) return null;
  const isOverlapping = client.keyPrefix === key.previousPrefix && key.previousEndsAt && key.previousEndsAt > now;
  return isOverlapping ? null : 'api_key_rotated';
}
