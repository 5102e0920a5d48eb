/** SQL of limit readings and credits. */
import { type Kysely, sql } from 'kysely';
import type { QuotaSource } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { AccountReading } from './account-board.ts';
import type { CreditReading } from './read-quota.ts';

/** Every stored reading, or one account's, for the board at start and for account lists. */
export async function loadQuotaReadings(db: Kysely<DB>, accountId?: string): Promise<AccountReading[]> {
  const rows = await db
    .selectFrom('quotaWindows')
    .selectAll()
    .$if(accountId !== undefined, (query) => query.where('accountId', '=', accountId!))
    .orderBy('accountId')
    .orderBy('meter')
    .orderBy('windowMinutes')
    .execute();
  return rows.map(({ accountId: owner, source, ...reading }) => ({
    accountId: owner,
    reading: { ...reading, source: source as QuotaSource },
  }));
}

/** Stores readings, one row per window; a stored row that is newer (another process wrote it) stays. */
export async function saveQuotaReadings(db: Kysely<DB>, readings: readonly AccountReading[]): Promise<void> {
  if (readings.length === 0) return;
  await db
    .insertInto('quotaWindows')
    .values(readings.map(({ accountId, reading }) => ({ accountId, ...reading })))
    .onConflict((conflict) =>
      conflict
        .columns(['accountId', 'meter', 'windowMinutes'])
        .doUpdateSet((eb) => ({
          usedPercent: eb.ref('excluded.usedPercent'),
          resetAt: eb.ref('excluded.resetAt'),
          observedAt: eb.ref('excluded.observedAt'),
          source: eb.ref('excluded.source'),
        }))
        .where(sql<boolean>`quota_windows.observed_at <= excluded.observed_at`),
    )
    .execute();
}

/** Stores what the provider says of an account's credits. */
export async function saveCredits(
  db: Kysely<DB>,
  { accountId, credits, observedAt }: { accountId: string; credits: CreditReading; observedAt: Date },
): Promise<void> {
  await db
    .insertInto('accountCredits')
    .values({ accountId, ...credits, observedAt })
    .onConflict((conflict) => conflict.column('accountId').doUpdateSet({ ...credits, observedAt }))
    .execute();
}
