/** SQL of Pools. */
import { type Kysely, sql } from 'kysely';
import { defaultPoolRouting, type ChosenMode, type PoolRouting } from '../contract/pools.ts';
import { ServingMode, StrategyName } from '../contract/vocabulary.ts';
import { sqlStateOf } from '../database/connect.ts';
import type { DB } from '../database/tables.generated.ts';

/** PostgreSQL error code, class 23: integrity constraints. */
const uniqueViolation = '23505';

export interface PoolRow {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly disabledAt: Date | null;
  readonly createdAt: Date;
  readonly accountCount: number;
  readonly keyCount: number;
  readonly routing: PoolRouting;
  readonly servingModes: Readonly<Record<string, ChosenMode>>;
}

/** How one Pool routes, for the book. */
export type PoolRoutingRow = Pick<PoolRow, 'id' | 'routing' | 'servingModes'>;

const routingColumns = [
  'strategy',
  'ringSize',
  'floorPercent',
  'stickyWebsocket',
  'stickyHttp',
  'promptCacheAffinity',
  'v1Compatibility',
  'requestCompression',
  'imageGeneration',
] as const satisfies readonly (keyof PoolRouting)[];

/** `{"gpt-6-luna": "lite"}`, as one column of a Pool. */
const servingModes = sql<Record<string, string>>`coalesce(
  (select jsonb_object_agg(model, mode) from pool_serving_modes where pool_id = pools.id), '{}'
)`;

/** Every Pool, oldest first, or the one with this id, with what is in it. */
export async function listPools(db: Kysely<DB>, id?: string): Promise<PoolRow[]> {
  const rows = await db
    .selectFrom('pools')
    .select((eb) => [
      'id',
      'slug',
      'name',
      'disabledAt',
      'createdAt',
      eb
        .selectFrom('poolAccounts')
        .whereRef('poolAccounts.poolId', '=', 'pools.id')
        .select((inner) => inner.fn.countAll<number>().as('n'))
        .$asScalar()
        .$notNull()
        .as('accountCount'),
      eb
        .selectFrom('apiKeys')
        .whereRef('apiKeys.poolId', '=', 'pools.id')
        .where('revokedAt', 'is', null)
        .select((inner) => inner.fn.countAll<number>().as('n'))
        .$asScalar()
        .$notNull()
        .as('keyCount'),
      servingModes.as('servingModes'),
    ])
    .select(routingColumns)
    .$if(id !== undefined, (query) => query.where('id', '=', id!))
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
  return rows.map((row) => ({ ...row, routing: routingOf(row), servingModes: knownModes(row.servingModes) }));
}

/** How every Pool routes. */
export async function selectPoolRouting(db: Kysely<DB>): Promise<PoolRoutingRow[]> {
  const rows = await db
    .selectFrom('pools')
    .select(['id', servingModes.as('servingModes')])
    .select(routingColumns)
    .execute();
  return rows.map((row) => ({ id: row.id, routing: routingOf(row), servingModes: knownModes(row.servingModes) }));
}

/** A word that another version wrote and this one does not know counts as not chosen. */
function routingOf(row: Omit<PoolRouting, 'strategy'> & { strategy: string }): PoolRouting {
  return {
    strategy: StrategyName.safeParse(row.strategy).data ?? defaultPoolRouting.strategy,
    ringSize: row.ringSize,
    floorPercent: row.floorPercent,
    stickyWebsocket: row.stickyWebsocket,
    stickyHttp: row.stickyHttp,
    promptCacheAffinity: row.promptCacheAffinity,
    v1Compatibility: row.v1Compatibility,
    requestCompression: row.requestCompression,
    imageGeneration: row.imageGeneration,
  };
}

function knownModes(stored: Record<string, string>): Record<string, ChosenMode> {
  const isKnown = (entry: [string, string]): entry is [string, ChosenMode] =>
    entry[1] !== 'auto' && ServingMode.safeParse(entry[1]).success;
  return Object.fromEntries(Object.entries(stored).filter(isKnown));
}

/** Of a disabled Pool as well; undefined when there is none. */
export async function poolIdBySlug(db: Kysely<DB>, slug: string): Promise<string | undefined> {
  const row = await db.selectFrom('pools').select('id').where('slug', '=', slug).executeTakeFirst();
  return row?.id;
}

/** Adds a Pool; routing that is not named is the default. False when the slug is taken. */
export async function insertPool(
  db: Kysely<DB>,
  pool: { id: string; slug: string; name: string; createdAt: Date; routing?: Omit<PoolChanges, 'name' | 'slug'> },
): Promise<boolean> {
  const { routing, ...columns } = pool;
  const result = await db
    .insertInto('pools')
    .values({ ...routing, ...columns })
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

interface ChangeableColumns extends PoolRouting {
  readonly name: string;
  readonly slug: string;
}
/** What may be changed of a Pool; what is absent or undefined stays. */
export type PoolChanges = { readonly [Column in keyof ChangeableColumns]?: ChangeableColumns[Column] | undefined };

/** Changes the named columns of a Pool. False when another Pool has the slug; the transaction is over then. */
export async function updatePool(
  transaction: Kysely<DB>,
  { id, changes }: { id: string; changes: PoolChanges },
): Promise<boolean> {
  if (Object.values(changes).every((value) => value === undefined)) return true;
  try {
    await transaction.updateTable('pools').set(changes).where('id', '=', id).execute();
    return true;
  } catch (error) {
    if (sqlStateOf(error) === uniqueViolation) return false;
    throw error;
  }
}

/** Repeating it keeps the first time; null enables the Pool again. */
export async function disablePool(db: Kysely<DB>, { id, at }: { id: string; at: Date | null }): Promise<void> {
  await db
    .updateTable('pools')
    .set((eb) => ({ disabledAt: at === null ? null : eb.fn.coalesce('disabledAt', eb.val(at)) }))
    .where('id', '=', id)
    .execute();
}

/** @param choice.model - in lower case */
export async function storeServingMode(
  db: Kysely<DB>,
  choice: { poolId: string; model: string; mode: ServingMode },
): Promise<void> {
  const { poolId, model, mode } = choice;
  if (mode === 'auto') {
    await db.deleteFrom('poolServingModes').where('poolId', '=', poolId).where('model', '=', model).execute();
    return;
  }
  await db
    .insertInto('poolServingModes')
    .values({ poolId, model, mode })
    .onConflict((conflict) => conflict.columns(['poolId', 'model']).doUpdateSet({ mode }))
    .execute();
}

/** Makes the Pool every new account and key goes into unless another is named. Safe to repeat. */
export async function ensureDefaultPool(db: Kysely<DB>, { id, now }: { id: string; now: Date }): Promise<void> {
  await insertPool(db, { id, slug: defaultPoolSlug, name: 'Default', createdAt: now });
}

/** The Pool that is always there. */
export const defaultPoolSlug = 'default';
