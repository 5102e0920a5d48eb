import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../contract/gateway-error.ts';
import { recoveryOf } from './render-recovery.ts';

const pinned = (pinnedBy: 'compaction' | 'file' | 'previous_response', retryAfterMs?: number) =>
  recoveryOf(
    new GatewayError('pinned_continuation_unavailable', {
      continuity: { pinnedBy, reason: 'account_paused' },
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }),
  );
const notesOf = (pinnedBy: Parameters<typeof pinned>[0]) =>
  (pinned(pinnedBy)!.fields['recovery'] as { notes: string[] }).notes.slice(1);

describe('the way out of a conversation that is pinned', () => {
  it('names what no other account can read, and nothing else', () => {
    expect(notesOf('previous_response')).toEqual([]);
    expect(notesOf('compaction')).toEqual([expect.stringMatching(/^A compaction item .*leave it out/)]);
    expect(notesOf('file')).toEqual([expect.stringMatching(/^A file .*upload it again/)]);
  });

  it('says whether waiting is another way', () => {
    expect(pinned('compaction')?.fields).toMatchObject({ retryable: false });
    expect(pinned('compaction', 1_000)?.fields).toMatchObject({ retryable: true });
  });

  it('is told for nothing else', () => {
    expect(recoveryOf(new GatewayError('no_eligible_backend', { retryAfterMs: 1_000 }))).toBeNull();
  });
});
