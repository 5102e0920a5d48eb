/**
 * Renews tokens before they expire, so that no request meets a dead one. When an account is due is decided from facts
 * alone, so a laptop that slept or a clock that jumped needs no special care.
 */
import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { isTooSoon } from './refresh-outcome.ts';
import { selectRefreshSchedules, type RefreshSchedule } from './refresh-store.ts';
import type { TokenKeeper } from './token-keeper.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

/** The shortest time to keep in hand, also when the lifetime is unknown (gateway spec 8). */
const shortestMarginMs = 5 * minute;
/** Share of a token's life that is kept in hand: a day of the usual ten. */
const marginShare = 0.1;
/** The CLI refreshes after 8 days at the latest (wire spec B4). */
const longestAgeMs = 8 * day;
/** How much earlier than necessary an account may be due, as a share of its margin and of the longest age. */
const jitterShare = 0.5;
const ageJitterMs = day;

/** A token that is due again so soon shows a wrong clock or a very short life; more refreshes would not help. */
const shortestAgeMs = 5 * minute;

/**
 * The instant from which an account's tokens should be renewed. Accounts are spread by a jitter that is always the same
 * for one credential, so a restart does not move it and accounts linked together are not refreshed together.
 */
export function refreshDueAt(account: Omit<RefreshSchedule, 'status' | 'refreshNotBefore'>): Date {
  const { accessTokenExpiresAt, refreshedAt, createdAt } = account;
  const chance = jitterOf(account);
  const since = refreshedAt ?? createdAt;
  const byAge = since.getTime() + longestAgeMs - chance * ageJitterMs;
  if (accessTokenExpiresAt === null) return new Date(byAge);
  const lifeMs = refreshedAt === null ? 0 : accessTokenExpiresAt.getTime() - refreshedAt.getTime();
  const marginMs = Math.max(shortestMarginMs, marginShare * lifeMs);
  const byExpiry = accessTokenExpiresAt.getTime() - marginMs * (1 + chance * jitterShare);
  return new Date(Math.min(byAge, byExpiry));
}

/** Should this account be refreshed now? Not while an earlier failure asks for patience. */
export function isRefreshDue(account: RefreshSchedule, now: Date): boolean {
  if (isTooSoon(account.refreshNotBefore, now)) return false;
  // A failed refresh is tried again by itself, whoever asked for it first.
  if (account.status === 'refresh_failed') return true;
  const ageMs = account.refreshedAt === null ? Infinity : now.getTime() - account.refreshedAt.getTime();
  if (ageMs >= 0 && ageMs < shortestAgeMs) return false;
  return refreshDueAt(account) <= now;
}

/** [0, 1), from the account and its credential. */
function jitterOf({ id, credentialEpoch }: { id: string; credentialEpoch: number }): number {
  return createHash('sha256').update(`${id} ${credentialEpoch}`).digest().readUInt32BE() / 2 ** 32;
}

/**
 * Renews the tokens of every account that is due now, one account after the other: nobody waits for these, and the
 * provider need not see them in a burst.
 *
 * @returns how many were renewed
 */
export async function renewDueTokens(
  { db, keeper, clock }: { db: Kysely<DB>; keeper: Pick<TokenKeeper, 'renew'>; clock: Clock },
  signal: AbortSignal,
): Promise<number> {
  let renewed = 0;
  for (const account of await selectRefreshSchedules(db)) {
    if (signal.aborted) return renewed;
    if (!isRefreshDue(account, clock.now())) continue;
    const { id: accountId, credentialEpoch: seenEpoch } = account;
    const result = await keeper.renew({ accountId, seenEpoch, reason: 'proactive_expiry' });
    if (result.kind === 'renewed') renewed += 1;
  }
  return renewed;
}
