/** SQL of anchors: one statement reads or writes many. */
import type pg from 'pg';
import type { AnchorKind } from '../../contract/vocabulary.ts';
import type { StoredAnchor } from './anchor.ts';

/** A pool or one connection of it. */
export type Queryable = Pick<pg.Pool, 'query'>;

interface AnchorRow {
  readonly hash: Buffer;
  readonly kind: AnchorKind;
  readonly accountId: string;
  readonly boundAt: Date;
  readonly expiresAt: Date;
}

const selectText = `
select hash, kind, account_id as "accountId", created_at as "boundAt", expires_at as "expiresAt"
from continuity_anchors where hash = any($1::bytea[]) and expires_at > $2`;

/** Those of the hashes that are stored and have not ended. */
export async function selectAnchors(
  pool: Queryable,
  { hashes, now }: { hashes: readonly string[]; now: Date },
): Promise<StoredAnchor[]> {
  const values = [hashes.map((each) => Buffer.from(each, 'base64')), now];
  const { rows } = await pool.query<AnchorRow>({ name: 'select_anchors', text: selectText, values });
  return rows.map((row) => ({ ...row, hash: row.hash.toString('base64') }));
}

/**
 * The newest binding stands, whichever process writes last, but for one from the future: it was made by a clock that has
 * been set back since. An account that is gone takes no anchor with it. Rows are
 * written in the order of their hashes, so that two processes never wait for each other in a ring.
 */
const upsertText = `
insert into continuity_anchors as stored (hash, kind, account_id, created_at, expires_at)
select decode(item.hash, 'base64'), item.kind, item."accountId", item."boundAt", item."expiresAt"
from jsonb_to_recordset($1::jsonb)
  as item(hash text, kind text, "accountId" uuid, "boundAt" timestamptz, "expiresAt" timestamptz)
join accounts on accounts.id = item."accountId"
order by 1
on conflict (hash) do update set account_id = excluded.account_id, created_at = excluded.created_at,
  expires_at = excluded.expires_at
where stored.created_at <= excluded.created_at or stored.created_at > clock_timestamp() + interval '1 day'`;

/** @param anchors - Each hash at most once. */
export async function upsertAnchors(pool: Queryable, anchors: readonly StoredAnchor[]): Promise<void> {
  await pool.query({ name: 'upsert_anchors', text: upsertText, values: [JSON.stringify(anchors)] });
}
