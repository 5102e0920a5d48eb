/**
 * What is not kept for ever: one entry per class of rows, saying which setting bounds its age and which rows are past
 * it. The preview counts by the very condition by which the job removes.
 */
import { sql, type RawBuilder } from 'kysely';
import type { SettingName, Settings } from '../contract/settings.ts';
import type { RetentionClass } from '../contract/vocabulary.ts';
import { advisoryLocks } from '../database/advisory-lock.ts';

export interface RetentionRow {
  readonly table: string;
  /** The column that says how old a row is. */
  readonly age: string;
  /** The setting that bounds it, in days; null when `age` is the row's own end. */
  readonly setting: Extract<SettingName, `retention.${string}`> | null;
  /** A row past its time goes only if this holds too. */
  readonly also?: RawBuilder<boolean>;
  /** Rows of another table that go with it: the table, and its column that names our `id`. */
  readonly with?: { readonly table: string; readonly column: string };
}

const dayMs = 24 * 60 * 60_000;

export const retentionRows = {
  requests: {
    table: 'requests',
    age: 'admitted_at',
    setting: 'retention.requests_days',
    // One that still runs is settled first.
    also: sql<boolean>`status <> 'in_progress'`,
    with: { table: 'attempts', column: 'request_id' },
  },
  ledger: { table: 'ledger_entries', age: 'created_at', setting: 'retention.ledger_days' },
  usage: { table: 'usage_hours', age: 'hour', setting: 'retention.usage_days' },
  audit: { table: 'audit_events', age: 'occurred_at', setting: 'retention.audit_days' },
  accounts: { table: 'accounts', age: 'deleted_at', setting: 'retention.removed_days' },
  processes: {
    table: 'server_processes',
    age: 'started_at',
    setting: 'retention.removed_days',
    // One that lives holds the lock of its number; one with open requests is left to the sweep.
    also: sql<boolean>`
      not exists (select from pg_locks where locktype = 'advisory' and granted and objsubid = 2
        and classid::int8 = ${sql.lit(advisoryLocks.processClass)} and objid::int8 = server_processes.number
        and database = (select oid from pg_database where datname = current_database()))
      and not exists (select from requests
        where requests.process_number = server_processes.number and requests.status = 'in_progress')`,
  },
  anchors: { table: 'continuity_anchors', age: 'expires_at', setting: null },
  files: { table: 'uploaded_files', age: 'expires_at', setting: null },
} as const satisfies Record<RetentionClass, RetentionRow>;

/** The instant before which rows of a class go; null when they are kept for ever. */
export function removedBefore(
  { setting }: RetentionRow,
  { settings, now }: { settings: Settings; now: Date },
): Date | null {
  if (setting === null) return now;
  const keptDays = settings[setting];
  return keptDays === 0 ? null : new Date(now.getTime() - keptDays * dayMs);
}
