import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMovableClock, type MovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import { cutAt, handFedAnswer, sse, wholeAnswer, type HandFedAnswer } from '../../../test/support/streams.ts';
import { maxBlockBytes, SseBlockTooLarge } from './sse-blocks.ts';
import { createUpstreamStream, StreamIdle } from './upstream-stream.ts';

const created = sse({ type: 'response.created', response: { id: 'r1' } });
const delta = sse({ type: 'response.output_text.delta', delta: 'häl' });
const item = sse({ type: 'response.output_item.done', item: { type: 'message' } });
const usage = { input_tokens: 10, output_tokens: 2, total_tokens: 12 };
const completed = sse({ type: 'response.completed', response: { id: 'r1', usage } });
const done = Buffer.from('data: [DONE]\n\n');

describe('the blocks of an answer', () => {
  it('are the bytes of the answer, whatever pieces they come in', async () => {
    const bytes = Buffer.concat([created, delta, Buffer.from(': ping\n\n'), item, completed, done]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90 })), async (sizes) => {
        const { stream } = streamOf(wholeAnswer(cutAt(bytes, sizes)));
        await stream.open();
        expect(await collected(stream)).toEqual(bytes);
        expect(stream.observer).toMatchObject({ terminal: 'completed', usage: { totalTokens: 12 } });
      }),
    );
  });

  it('tell the same usage wherever the bytes are split, whatever their line ends', async () => {
    const end = { type: 'response.completed', response: { id: 'é😀', usage, service_tier: 'flex' } };
    for (const newline of ['\n', '\r\n', '\r']) {
      const lines = [
        ': ping',
        '',
        `event: ${end.type}`,
        `data: ${JSON.stringify(end).replace(',"response"', ',\ndata: "response"')}`,
      ];
      const last = Buffer.from(`${lines.join('\n')}\n\n`.replaceAll('\n', newline));
      const bytes = Buffer.concat([created, item, last]);
      for (let at = 1; at < bytes.length; at += 1) {
        const { stream } = streamOf(wholeAnswer(cutAt(bytes, [at])));
        await stream.open();
        expect(await collected(stream), `split at ${at}`).toEqual(bytes);
        expect(stream.observer, `split at ${at}`).toMatchObject({
          terminal: 'completed',
          servedTier: 'flex',
          usage: { inputTokens: 10, cachedTokens: null, outputTokens: 2, totalTokens: 12 },
        });
      }
    }
  });

  it('include what was held, also when the hold time ended during a read', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const { stream } = streamOf(answer, { clock });
    const opening = stream.open();
    answer.send(created);
    await clock.untilWaiting();
    clock.advance(300);
    expect((await opening).kind).toBe('committed');
    const collecting = collected(stream);
    for (const piece of [delta, completed]) answer.send(piece);
    answer.end();
    expect(await collecting).toEqual(Buffer.concat([created, delta, completed]));
  });

  it('end with a terminal event that no blank line followed', async () => {
    const cut = completed.subarray(0, completed.length - 2);
    const { stream } = streamOf(wholeAnswer([created, item, cut]));
    await stream.open();
    expect(await collected(stream)).toEqual(Buffer.concat([created, item, cut]));
    expect(stream.observer.terminal).toBe('completed');
  });

  it('do not include half an event when the answer is cut', async () => {
    const { stream } = streamOf(wholeAnswer([created, item, delta.subarray(0, 40)]));
    await stream.open();
    expect(await collected(stream)).toEqual(Buffer.concat([created, item]));
    expect(stream.observer.terminal).toBeNull();
  });

  it('are none before the answer was opened, or when it failed', async () => {
    const { stream } = streamOf(wholeAnswer([sse({ type: 'response.failed', response: {} })]));
    expect(await collected(stream)).toHaveLength(0);
    await stream.open();
    expect(await collected(stream)).toHaveLength(0);
  });
});

describe('a connection that breaks', () => {
  it('in the middle is told to the reader', async () => {
    const answer = handFedAnswer();
    const { stream } = streamOf(answer);
    answer.send(Buffer.concat([created, item]));
    answer.breakOff();
    await stream.open();
    await expect(collected(stream)).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  });

  it('after the terminal event is of no account', async () => {
    const answer = handFedAnswer();
    const { stream } = streamOf(answer);
    answer.send(Buffer.concat([created, item, completed]));
    answer.breakOff();
    await stream.open();
    expect(await collected(stream)).toEqual(Buffer.concat([created, item, completed]));
  });

  it('is given up by an event that is larger than any may be', async () => {
    const answer = handFedAnswer();
    const { stream } = streamOf(answer);
    answer.send(item);
    await stream.open();
    answer.send(Buffer.alloc(maxBlockBytes + 1, 0x61));
    await expect(collected(stream)).rejects.toBeInstanceOf(SseBlockTooLarge);
  });
});

describe('a provider that goes silent', () => {
  it('in the middle of an answer is given up after the idle time, and not before', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const { stream } = streamOf(answer, { clock, idleMs: 60_000 });
    answer.send(item);
    await stream.open();
    const blocks = stream.blocks();
    await blocks.next();
    const waiting = blocks.next();
    await settle();
    clock.advance(50_000);
    answer.send(delta);
    await waiting;
    const last = blocks.next();
    await settle();
    clock.advance(50_000);
    expect(answer.isCancelled).toBe(false);
    clock.advance(10_000);
    await expect(last).rejects.toBeInstanceOf(StreamIdle);
    expect(answer.isCancelled).toBe(true);
  });

  it('is alive as long as bytes come, even of an unfinished event', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const { stream } = streamOf(answer, { clock, idleMs: 60_000 });
    answer.send(item);
    await stream.open();
    const blocks = stream.blocks();
    await blocks.next();
    const waiting = blocks.next();
    for (const piece of cutAt(delta, [20, 20])) {
      await settle();
      clock.advance(50_000);
      answer.send(piece);
    }
    expect((await waiting).value?.[0]?.bytes).toEqual(delta);
  });

  it('after its terminal event is not waited for longer than a moment, and the answer counts', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const { stream } = streamOf(answer, { clock });
    answer.send(Buffer.concat([item, completed]));
    await stream.open();
    const collecting = collected(stream);
    await settle();
    clock.advance(1_000);
    expect(await collecting).toEqual(Buffer.concat([item, completed]));
    expect(answer.isCancelled).toBe(true);
  });

  it('is not blamed while the reader takes its time', async () => {
    const clock = createMovableClock(systemClock);
    const answer = handFedAnswer();
    const { stream } = streamOf(answer, { clock, idleMs: 60_000 });
    answer.send(item);
    await stream.open();
    answer.send(delta);
    const blocks = stream.blocks();
    await blocks.next();
    await blocks.next();
    clock.advance(10 * 60_000);
    expect(answer.isCancelled).toBe(false);
    answer.send(completed);
    expect((await blocks.next()).value?.[0]?.type).toBe('response.completed');
  });
});

describe('an answer that is left', () => {
  const leaving = async (...events: { type: string }[]) => {
    const answer = handFedAnswer();
    const clock = createMovableClock(systemClock);
    const { stream } = streamOf(answer, { clock });
    for (const event of events) answer.send(sse(event));
    await stream.open();
    for await (const blocks of stream.blocks()) if (blocks.length > 0) break;
    stream.leave();
    return { answer, clock };
  };
  const turn = () => new Promise(setImmediate);

  it('after its last event is read to its end, so that its connection can be used again', async () => {
    const { answer, clock } = await leaving({ type: 'response.completed' });
    answer.send(Buffer.from('data: [DONE]\n\n'));
    answer.end();
    await turn();
    clock.advance(1_000);
    await turn();
    expect(answer.isCancelled).toBe(false);
  });

  it('after its last event is waited for a moment only', async () => {
    const { answer, clock } = await leaving({ type: 'response.completed' });
    await turn();
    expect(answer.isCancelled).toBe(false);
    clock.advance(1_000);
    expect(answer.isCancelled).toBe(true);
  });

  it('after its last event is read no further than a few bytes', async () => {
    const { answer } = await leaving({ type: 'response.completed' });
    answer.send(Buffer.alloc(100_000, 'x'));
    await turn();
    expect(answer.isCancelled).toBe(true);
  });

  it('before it is cancelled at once', async () => {
    const { answer } = await leaving({ type: 'response.output_text.delta' });
    expect(answer.isCancelled).toBe(true);
  });
});

it('cancelling tells the provider', () => {
  const answer = handFedAnswer();
  const { stream } = streamOf(answer);
  stream.cancel();
  stream.cancel();
  expect(answer.isCancelled).toBe(true);
});

function streamOf(
  answer: HandFedAnswer,
  { clock = createMovableClock(systemClock), idleMs = 300_000 }: { clock?: MovableClock; idleMs?: number } = {},
) {
  const stream = createUpstreamStream({
    answer,
    clock,
    idleMs,
    holdMs: 300,
    onRateLimits: () => undefined,
    onCompaction: () => undefined,
    onSealed: () => undefined,
    onTurnState: () => undefined,
    onAnswered: () => undefined,
  });
  return { stream };
}

async function collected(stream: ReturnType<typeof createUpstreamStream>): Promise<Buffer> {
  const bytes: Buffer[] = [];
  for await (const blocks of stream.blocks()) bytes.push(...blocks.map((block) => block.bytes));
  return Buffer.concat(bytes);
}

/** Lets everything that is due happen. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
