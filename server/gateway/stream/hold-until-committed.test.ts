import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import { cutAt, handFedAnswer, sse, wholeAnswer } from '../../../test/support/streams.ts';
import { holdUntilCommitted, type Held } from './hold-until-committed.ts';
import { createAnswerObserver } from './observe-answer.ts';
import { createSseBlocks } from './sse-blocks.ts';

const created = sse({ type: 'response.created', response: { id: 'r1' } });
const limits = sse({ type: 'codex.rate_limits', rate_limits: {} });
const item = sse({ type: 'response.output_item.added', item: { type: 'message' } });
const completed = sse({ type: 'response.completed', response: { id: 'r1' } });
const failed = sse({ type: 'response.failed', response: { error: { code: 'server_error', message: 'no' } } });
const ping = Buffer.from(': ping\n\n');

describe('an answer is committed', () => {
  it('with its first event that means something, and what was held goes first', async () => {
    const held = await hold(wholeAnswer([created, limits, item, completed]));
    expect(held).toMatchObject({ kind: 'committed', pending: null });
    expect(bytesOf(held)).toEqual(Buffer.concat([created, limits, item]));
  });

  it('with any event that nobody knows yet', async () => {
    const held = await hold(wholeAnswer([created, sse({ type: 'response.something_new' })]));
    expect(held.kind).toBe('committed');
  });

  it('when the hold time after its first event is over, while a read is under way', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const holding = hold(answer, { clock, holdMs: 300 });
    answer.send(created);
    await clock.untilWaiting();
    clock.advance(300);
    const held = await holding;
    expect(bytesOf(held)).toEqual(created);
    if (held.kind !== 'committed' || !held.pending) throw new Error('no read is under way');
    answer.send(item);
    expect(await held.pending).toEqual({ done: false, value: item });
  });

  it('after more bookkeeping than anybody sends', async () => {
    const held = await hold(wholeAnswer(Array.from({ length: 20 }, () => limits)));
    if (held.kind !== 'committed') throw new Error(held.kind);
    expect(held.blocks).toHaveLength(17);
    const large = sse({ type: 'response.created', response: { instructions: 'x'.repeat(300_000) } });
    expect((await hold(wholeAnswer([large, limits]))).kind).toBe('committed');
  });

  it('when a last block without a blank line completes it', async () => {
    const cut = completed.subarray(0, completed.length - 2);
    const held = await hold(wholeAnswer([created, cut]));
    expect(bytesOf(held)).toEqual(Buffer.concat([created, cut]));
  });

  it('even if it fails later in the same piece', async () => {
    const held = await hold(wholeAnswer([Buffer.concat([created, item, failed])]));
    expect(bytesOf(held)).toEqual(Buffer.concat([created, item, failed]));
  });
});

describe('an answer may still move to another account', () => {
  it('when it fails after nothing but bookkeeping', async () => {
    const held = await hold(wholeAnswer([created, limits, ping, failed]));
    expect(held).toMatchObject({ kind: 'failed', failure: { response: { error: { code: 'server_error' } } } });
  });

  it('when its first event is an error', async () => {
    const held = await hold(wholeAnswer([sse({ type: 'error', status: 429, error: { type: 'usage_limit_reached' } })]));
    expect(held).toMatchObject({ kind: 'failed', failure: { type: 'error', status: 429 } });
  });

  it('when it fails in a last block without a blank line', async () => {
    expect((await hold(wholeAnswer([created, failed.subarray(0, failed.length - 1)]))).kind).toBe('failed');
  });

  it('when it ends without anything that means something', async () => {
    for (const pieces of [[], [created], [ping], [created, Buffer.from('data: {"type":"response.output_text.del')]])
      expect((await hold(wholeAnswer(pieces))).kind).toBe('ended');
  });

  it('as long as only comments came: the hold time begins with the first event', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const holding = hold(answer, { clock, holdMs: 300 });
    answer.send(ping);
    await new Promise(setImmediate);
    clock.advance(10_000);
    answer.send(failed);
    expect((await holding).kind).toBe('failed');
  });

  it('when the connection breaks: the break is told as it came', async () => {
    const answer = handFedAnswer();
    answer.send(created);
    answer.breakOff();
    await expect(hold(answer)).rejects.toMatchObject({ kind: 'reset' });
  });
});

describe('however the bytes are cut', () => {
  const endings: [string, Buffer[], Held['kind']][] = [
    ['commits', [created, limits, item, completed], 'committed'],
    ['fails', [created, limits, failed], 'failed'],
    ['ends', [created, limits], 'ended'],
  ];
  it.each(endings)('the same answer %s', async (_name, blocks, kind) => {
    const bytes = Buffer.concat(blocks);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 30 }), async (sizes) => {
        const held = await hold(wholeAnswer(cutAt(bytes, sizes)), { holdMs: 60_000 });
        expect(held.kind).toBe(kind);
        if (held.kind === 'committed') expect(bytes.indexOf(bytesOf(held))).toBe(0);
      }),
    );
  });

  it('at every single place, nothing is lost or doubled', async () => {
    const bytes = Buffer.concat([created, ping, item, completed]);
    for (let at = 1; at < bytes.length; at += 1) {
      const answer = wholeAnswer([bytes.subarray(0, at), bytes.subarray(at)]);
      const chunks = answer.body[Symbol.asyncIterator]();
      const blocks = createSseBlocks();
      const held = await hold(answer, { chunks, blocks });
      const rest: Buffer[] = [];
      for (let read = await chunks.next(); !read.done; read = await chunks.next())
        rest.push(...blocks.push(read.value));
      expect(Buffer.concat([bytesOf(held), ...rest])).toEqual(bytes);
    }
  });
});

interface HoldingOptions {
  clock?: ReturnType<typeof createMovableClock>;
  holdMs?: number;
  chunks?: AsyncIterator<Buffer>;
  blocks?: ReturnType<typeof createSseBlocks>;
}

function hold(
  answer: { body: AsyncIterable<Buffer> },
  { clock = createMovableClock(systemClock), holdMs = 300, chunks, blocks }: HoldingOptions = {},
): Promise<Held> {
  return holdUntilCommitted({
    chunks: chunks ?? answer.body[Symbol.asyncIterator](),
    sse: blocks ?? createSseBlocks(),
    observer: createAnswerObserver({
      onRateLimits: () => undefined,
      onCompaction: () => undefined,
      onSealed: () => undefined,
      onTurnState: () => undefined,
      onAnswered: () => undefined,
    }),
    holdMs,
    clock,
  });
}

function bytesOf(held: Held): Buffer {
  return held.kind === 'committed' ? Buffer.concat(held.blocks.map(({ bytes }) => bytes)) : Buffer.alloc(0);
}
