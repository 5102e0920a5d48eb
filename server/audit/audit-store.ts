/** SQL of the audit trail: who changed what, when, with what outcome. Append-only. */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';

export interface AuditEvent {
  readonly id: string;
  readonly occurredAt: Date;
  readonly actor: string;
  readonly action: string;
  readonly outcome: 'success' | 'failure';
  readonly errorCode: string | null;
  readonly requestId: string | null;
  /** Only fields the endpoint's `audit` list names. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Nothing changes an event or takes it back; it goes by its age alone. */
export async function insertAuditEvent(db: Kysely<DB>, event: AuditEvent): Promise<void> {
  await db
    .insertInto('auditEvents')
    .values({ ...event, details: JSON.stringify(event.details) })
    .execute();
}
