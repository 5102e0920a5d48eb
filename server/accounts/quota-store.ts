/** SQL of limit readings and credits. */
import { type Kysely, sql } from 'kysely';
import type { QuotaSource } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';
import type { AccountCredits, AccountReading } from './account-board.ts';

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
    .values(readings.map(({ accountId, reading: { statedAt: _unkept, ...reading } }) => ({ accountId, ...reading })))
    .onConflict((conflict) =>
      conflict
        .columns(['accountId', 'meter', 'windowMinutes'])
        .doUpdateSet((eb) => ({
          usedPercent: eb.ref('excluded.usedPercent'),
          resetAt: eb.ref('excluded.resetAt'),
          observedAt: eb.ref('excluded.observedAt'),
          source: eb.ref('excluded.source'),
        }))
        .where(isOlder('quota_windows')),
    )
    .execute();
}

/** Every account's credits as last read by any process, for the board. */
export async function loadCredits(db: Kysely<DB>): Promise<AccountCredits[]> {
  const rows = await db.selectFrom('accountCredits').selectAll().orderBy('accountId').execute();
  return rows.map(({ accountId, ...credits }) => ({ accountId, credits }));
}

/** Stores what the provider says of accounts' credits; a stored row that is newer stays. */
export async function saveCredits(db: Kysely<DB>, changed: readonly AccountCredits[]): Promise<void> {
  if (changed.length === 0) return;
  await db
    .insertInto('accountCredits')
    .values(changed.map(({ accountId, credits }) => ({ accountId, ...credits })))
    .onConflict((conflict) =>
      conflict
        .column('accountId')
        .doUpdateSet((eb) => ({
          hasCredits: eb.ref('excluded.hasCredits'),
          unlimited: eb.ref('excluded.unlimited'),
          balance: eb.ref('excluded.balance'),
          observedAt: eb.ref('excluded.observedAt'),
        }))
        .where(isOlder('account_credits')),
    )
    .execute();
}

/** What is from the future was stored by a clock that has been set back since, and nothing newer would ever come. */
function isOlder(table: 'quota_windows' | 'account_credits') {
  const stored = sql.ref(`${table}.observedAt`);
  return sql<boolean>`(${stored} <= excluded.observed_at or ${stored} > clock_timestamp() + interval '1 day')`;
}
