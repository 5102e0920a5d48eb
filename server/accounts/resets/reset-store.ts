/**
 * SQL of saved resets: the list, the policy, and the tries to spend one. A try is claimed by the database clock, and a
 * unique index lets one be open per account, so processes cannot spend two at once.
 */
import { type Kysely, sql } from 'kysely';
import { defaultResetPolicy, type ResetPolicy } from '../../contract/resets.ts';
import type { ResetCause, ResetOutcome } from '../../contract/vocabulary.ts';
import type { DB } from '../../database/tables.generated.ts';
import { redeemCoolDownMs, type Credit } from './may-redeem.ts';

export interface StoredCredit extends Credit {
  readonly grantedAt: Date | null;
}

export interface StoredRedemption {
  readonly id: string;
  readonly accountId: string;
  readonly creditId: string;
  readonly cause: ResetCause;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly outcome: ResetOutcome | null;
  readonly dispatches: number;
}

/** Nothing is sent for one try more often than this, nor later than this after it began (gateway spec 5.8). */
export const maxDispatches = 6;
const replaySeconds = 6 * 3600;
/** Longer than one call may take, so a claim that ran out has no call under way. */
const claimSeconds = 60;

/** The account's policy, the default where nobody set one, and when its saved resets were last read. */
export async function selectPolicy(db: Kysely<DB>, accountId: string) {
  const row = await db.selectFrom('resetBanks').selectAll().where('accountId', '=', accountId).executeTakeFirst();
  const { isAutomatic, keepCredits, minBlockedMinutes } = row ?? defaultResetPolicy;
  return { policy: { isAutomatic, keepCredits, minBlockedMinutes }, readAt: row?.readAt ?? null };
}

/** Accounts whose policy lets resets be spent by themselves. */
export async function selectAutomatic(db: Kysely<DB>): Promise<string[]> {
  const rows = await db.selectFrom('resetBanks').select('accountId').where('isAutomatic', '=', true).execute();
  return rows.map(({ accountId }) => accountId);
}

/** What is absent or undefined stays. */
export async function savePolicy(
  db: Kysely<DB>,
  {
    accountId,
    changes,
  }: { accountId: string; changes: { [Field in keyof ResetPolicy]?: ResetPolicy[Field] | undefined } },
): Promise<void> {
  const set = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  await db
    .insertInto('resetBanks')
    .values({ accountId, ...set })
    .onConflict((conflict) => conflict.column('accountId').doUpdateSet({ accountId, ...set }))
    .execute();
}

/** The list as last read, in the provider's order. */
export async function selectCredits(db: Kysely<DB>, accountId: string): Promise<StoredCredit[]> {
  const rows = await db
    .selectFrom('resetCredits')
    .select(['creditId as id', 'status', 'grantedAt', 'expiresAt'])
    .where('accountId', '=', accountId)
    .orderBy('position')
    .execute();
  return rows.map((row) => ({ ...row, status: row.status as Credit['status'] }));
}

export interface CreditList {
  readonly accountId: string;
  readonly credits: readonly StoredCredit[];
  /** When the provider was asked for it: what happened after that it may not know. */
  readonly askedAt: Date;
  readonly now: Date;
}

/** Puts a list in the place of the one before it, unless that was asked for later: answers may overtake each other. */
export async function saveCreditList(db: Kysely<DB>, { accountId, credits, askedAt, now }: CreditList): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // First, so that two lists of one account are stored one after the other.
    const bank = await transaction
      .insertInto('resetBanks')
      .values({ accountId, readAt: askedAt })
      .onConflict((conflict) =>
        conflict
          .column('accountId')
          .doUpdateSet({ readAt: askedAt })
          // One that is ahead was taken by a clock that has been set back since.
          .where(({ eb, or }) =>
            or([
              eb('resetBanks.readAt', 'is', null),
              eb('resetBanks.readAt', '<=', askedAt),
              eb('resetBanks.readAt', '>', now),
            ]),
          ),
      )
      .returning('accountId')
      .executeTakeFirst();
    if (!bank) return;
    await transaction.deleteFrom('resetCredits').where('accountId', '=', accountId).execute();
    if (credits.length === 0) return;
    const rows = credits.map(({ id, ...credit }, position) => ({ accountId, creditId: id, position, ...credit }));
    await transaction
      .insertInto('resetCredits')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['accountId', 'creditId']).doNothing())
      .execute();
  });
}

const columns = [
  'id',
  'accountId',
  'creditId',
  'cause',
  'startedAt',
  'finishedAt',
  'outcome',
  'dispatches',
] as const satisfies (keyof DB['resetRedemptions'])[];

function redemptionOf<Row extends { cause: string; outcome: string | null }>(row: Row) {
  return { ...row, cause: row.cause as ResetCause, outcome: row.outcome as ResetOutcome | null };
}

/** An account's newest tries. */
export async function selectRedemptions(db: Kysely<DB>, accountId: string): Promise<StoredRedemption[]> {
  const rows = await db
    .selectFrom('resetRedemptions')
    .select(columns)
    .where('accountId', '=', accountId)
    .orderBy('startedAt', 'desc')
    .limit(10)
    .execute();
  return rows.map(redemptionOf);
}

/** One try to spend a reset, by the id it was asked for under. */
export async function selectRedemption(db: Kysely<DB>, id: string): Promise<StoredRedemption | undefined> {
  const row = await db.selectFrom('resetRedemptions').select(columns).where('id', '=', id).executeTakeFirst();
  return row && redemptionOf(row);
}

/** A wish to spend a saved reset. */
export interface RedemptionClaim {
  readonly id: string;
  readonly accountId: string;
  readonly creditId: string;
  readonly cause: ResetCause;
  /** When it was wished for: a reset that was spent since was not known then. */
  readonly askedAt: Date;
  readonly now: Date;
}

/**
 * The try that this account shall go on with: the open one if nobody holds it, else a new one with this id. Null when
 * somebody holds it, or when another ended since this one was wished for; what is spent by itself keeps its distance
 * besides. What was sent too often or too long ago is closed: nobody will ever know how it ended.
 */
export async function claimRedemption(db: Kysely<DB>, claim: RedemptionClaim): Promise<StoredRedemption | null> {
  const { now, askedAt, ...ask } = claim;
  await sql`
    update reset_redemptions set outcome = 'unknown', finished_at = ${now}, claimed_until = null
    where account_id = ${ask.accountId} and outcome is null
      and coalesce(claimed_until, '-infinity') <= clock_timestamp()
      and (dispatches >= ${maxDispatches} or started_at <= ${now}::timestamptz - make_interval(secs => ${replaySeconds}))
  `.execute(db);
  const claimedUntil = sql<Date>`clock_timestamp() + make_interval(secs => ${claimSeconds})`;
  const open = await db
    .updateTable('resetRedemptions')
    .set({ claimedUntil })
    .where('accountId', '=', ask.accountId)
    .where('outcome', 'is', null)
    .where(sql<boolean>`coalesce(claimed_until, '-infinity') <= clock_timestamp()`)
    .returning(columns)
    .executeTakeFirst();
  if (open) return redemptionOf(open);
  const isAutomatic = ask.cause === 'automatic';
  const alone = isAutomatic ? new Date(Math.min(askedAt.getTime(), now.getTime() - redeemCoolDownMs)) : askedAt;
  // One that was just given up stands in the way of nobody who asks for it.
  const { rows } = await sql<StoredRedemption>`
    insert into reset_redemptions (id, account_id, credit_id, cause, started_at, claimed_until)
    select ${ask.id}, ${ask.accountId}, ${ask.creditId}, ${ask.cause}, ${now}::timestamptz, ${claimedUntil}
    where not exists (select from reset_redemptions ended
      where ended.account_id = ${ask.accountId} and ended.finished_at > ${alone}
        and (${isAutomatic} or ended.outcome <> 'unknown'))
    on conflict do nothing
    returning ${sql.join(columns.map((column) => sql.ref(column)))}
  `.execute(db);
  return rows[0] ?? null;
}

/** Counts one dispatch before it is made and holds the claim for it; false when no more may be made. */
export async function countDispatch(db: Kysely<DB>, id: string): Promise<boolean> {
  const result = await db
    .updateTable('resetRedemptions')
    .set((eb) => ({
      dispatches: eb('dispatches', '+', 1),
      claimedUntil: sql<Date>`clock_timestamp() + make_interval(secs => ${claimSeconds})`,
    }))
    .where('id', '=', id)
    .where('outcome', 'is', null)
    .where('dispatches', '<', maxDispatches)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Ends a try, or gives its claim back while nobody knows how it ended (`outcome` null). */
export async function finishRedemption(
  db: Kysely<DB>,
  { id, outcome, now }: { id: string; outcome: ResetOutcome | null; now: Date },
): Promise<void> {
  await db
    .updateTable('resetRedemptions')
    .set({ outcome, finishedAt: outcome === null ? null : now, claimedUntil: null })
    .where('id', '=', id)
    .where('outcome', 'is', null)
    .execute();
}
