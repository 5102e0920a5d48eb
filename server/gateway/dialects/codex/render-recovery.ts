/**
 * How a client gets out of a conversation whose one account cannot serve it, as data a program can follow: what to leave
 * out and what to send instead (gateway spec 4.6).
 */
import type { GatewayError } from '../../../contract/gateway-error.ts';
import { sessionHeaders } from './read-names.ts';

const recoveryKind = 'restart_with_full_context';

const guidance =
  'Send the request again as the first of a new conversation: with all its messages, and without the fields and headers named here.';

export interface Recovery {
  readonly headers: Readonly<Record<string, string>>;
  /** Beside `message` and `code` in the error object. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** null for refusals that pin nothing. */
export function recoveryOf({ continuity, retryAfterMs }: GatewayError): Recovery | null {
  if (!continuity) return null;
  return {
    headers: { 'x-codex-recovery-kind': recoveryKind },
    fields: {
      // Where the account is back in a moment, waiting for it loses nothing.
      retryable: retryAfterMs !== undefined,
      requires_new_upstream_session: true,
      recovery_kind: recoveryKind,
      recovery: {
        kind: recoveryKind,
        guidance,
        anchor_removal: {
          body: ['previous_response_id'],
          headers: ['x-codex-previous-response-id', 'x-codex-turn-state', ...sessionHeaders],
        },
        notes: notesOn(continuity.pinnedBy),
      },
      continuity_denial: { pinned_by: continuity.pinnedBy, internal_reason: continuity.reason },
    },
  };
}

function notesOn(pinnedBy: string): string[] {
  const notes = ['Nothing was sent to another account: it could not have read what this conversation carries.'];
  if (pinnedBy === 'compaction')
    notes.push('A compaction item cannot be read by any other account: leave it out and send what it stood for.');
  if (pinnedBy === 'file')
    notes.push('A file cannot be read by any other account: upload it again and refer to the new one.');
  return notes;
}
