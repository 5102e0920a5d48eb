import { describe, expect, it } from 'vitest';
import { makeAsk, makeClient, makeExchange } from '../../../test/support/exchange.ts';
import { keepingLog } from '../../../test/support/quiet-log.ts';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import type { Ask } from '../exchange.ts';
import type { Queryable } from './anchor-store.ts';
import { createContinuity } from './continuity.ts';

const client = makeClient();

describe('while what is stored cannot be read', () => {
  it.each([
    ['a compaction', { compactions: ['sealed'] }],
    ['an earlier answer', { previousResponseIds: ['resp_1'] }],
    ['a file', { fileIds: ['file_1'] }],
  ])('a request with %s is refused, because it may belong to one account', async (_name, names) => {
    const { continuity, asking } = remembering({ isAway: true });
    await expect(continuity.recall(asking(names))).rejects.toMatchObject({
      code: 'database_unavailable',
      retryAfterMs: 2_000,
    });
  });

  it('one that is known by heart goes on, and so does one that depends on nobody', async () => {
    const { continuity, asking, log } = remembering({ isAway: true });
    const first = asking({});
    continuity.rememberResponse(first, { responseId: 'resp_1', accountId: 'anna' });
    // Its conversation is not known, so the database is asked all the same.
    const next = asking({ previousResponseIds: ['resp_1'], threadAnchors: ['elsewhere'] });
    await continuity.recall(next);
    expect(continuity.continuationOf(next)).toMatchObject({ pinnedTo: 'anna', why: 'previous_response' });
    const other = asking({ threadAnchors: ['thread'] });
    await continuity.recall(other);
    expect(continuity.continuationOf(other)).toMatchObject({ pinnedTo: null, prefers: null });
    expect(log.events.map(({ event }) => event)).toContain('anchors_not_read');
  });
});

describe('the first request of a conversation', () => {
  it.each([
    ['a thread', { threadAnchors: ['thread'] }, 'thread'],
    ['an idempotency key', { idempotencyKey: 'once' }, 'idempotency_key'],
  ] as const)('is followed by others of the moment, by %s', async (_name, names, why) => {
    const { continuity, asking } = remembering();
    continuity.claimThread(asking(names), 'anna');
    expect(continuity.continuationOf(asking(names))).toMatchObject({ prefers: 'anna', why });
  });

  it('keeps nobody with it once its moment is over', () => {
    const { continuity, asking, clock } = remembering();
    continuity.claimThread(asking({ threadAnchors: ['thread'] }), 'anna');
    clock.advance(90_000);
    expect(continuity.continuationOf(asking({ threadAnchors: ['thread'] })).prefers).toBeNull();
  });
});

/** Memory over a database that holds nothing, or cannot be reached. */
function remembering({ isAway = false } = {}) {
  const clock = createMovableClock(systemClock);
  const log = keepingLog();
  const query = () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve({ rows: [] }));
  const continuity = createContinuity({ pool: { query } as unknown as Queryable, clock, log });
  const asking = (names: Partial<Ask>) => makeExchange({ client, ask: makeAsk(names) });
  return { clock, log, continuity, asking };
}
