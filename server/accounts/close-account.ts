/** The provider says an account is closed (deactivated, suspended, its workspace gone): it must be signed in again. */
import type { Kysely } from 'kysely';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';

/** Changes nothing for an account that is paused, removed, or known to be signed out. */
export async function markAccountClosed(
  db: Kysely<DB>,
  { id, reason, at }: { id: string; reason: string; at: Date },
): Promise<boolean> {
  const result = await db
    .updateTable('accounts')
    .set({ status: 'reauth_required', statusReason: reason, statusChangedAt: at })
    .where('id', '=', id)
    .where('status', 'in', ['active', 'refresh_failed'])
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  await announceChange(db, 'accounts');
  return true;
}
