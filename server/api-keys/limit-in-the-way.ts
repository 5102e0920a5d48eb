/** Asks a key's limits about a request that nobody makes: the reservation's own question, without a lock or a trace. */
import { type Kysely, sql } from 'kysely';
import type { LimitRefusal } from '../contract/limits.ts';
import { LimitUnit, LimitWindow } from '../contract/vocabulary.ts';
import type { DB } from '../database/tables.generated.ts';

/** What would be set aside. */
export interface LimitedAsk {
  readonly keyId: string;
  readonly model: string;
  readonly at: Date;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly totalTokens: number | null;
  readonly costMicros: string | number | null;
}

/**
 * The limit that has no room for it, that which is so for longest; null when all have (`refused_by_limits` of the
 * database decides the same for reservations). How many run at once is left out: for such a place a request waits.
 */
export async function limitInTheWay(db: Kysely<DB>, ask: LimitedAsk): Promise<LimitRefusal | null> {
  const { keyId, at, inputTokens, outputTokens, totalTokens, costMicros } = ask;
  const model = ask.model.trim().toLowerCase();
  const { rows } = await sql<Row>`
    select held.unit, held.limit_window as "limitWindow", held.model, held.maximum::text as maximum,
      ceil(asked.used)::text as used, ceil(asked.amount)::text as attempted,
      api_key_limit_free_at(held, ${at}, asked.used, asked.amount) as "freeAt"
    from api_key_limits held
    cross join lateral (
      select
        case when held.limit_window = 'request' then 0 else api_key_limit_used(held, ${at}) end as used,
        api_key_use_in(held.unit, row(${keyId}::uuid, '', ${at}::timestamptz, ${model}::text, 1,
          coalesce(${inputTokens}::bigint, 0), coalesce(${outputTokens}::bigint, 0),
          coalesce(${totalTokens}::bigint, 0), coalesce(${costMicros}::numeric, 0))::api_key_use) as amount
    ) as asked
    where held.api_key_id = ${keyId} and (held.model is null or held.model = ${model}) and held.unit <> 'concurrency'
      and not (held.limit_window = 'request' and held.unit = 'output_tokens')
      and asked.used + asked.amount > held.maximum
    order by "freeAt" desc nulls first, held.id
    limit 1`.execute(db);
  const [row] = rows;
  if (!row) return null;
  const { unit, limitWindow, maximum, used, attempted, ...rest } = row;
  return {
    ...rest,
    unit: LimitUnit.parse(unit),
    window: LimitWindow.parse(limitWindow),
    maximum: Number(maximum),
    used: Number(used),
    attempted: Number(attempted),
  };
}

interface Row {
  readonly unit: string;
  readonly limitWindow: string;
  readonly model: string | null;
  readonly maximum: string;
  readonly used: string;
  readonly attempted: string;
  readonly freeAt: Date | null;
}
