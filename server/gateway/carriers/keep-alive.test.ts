import { describe, expect, it } from 'vitest';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import { eventTypeOf } from '../../lib/event-type.ts';
import { dataOf } from '../stream/read-block.ts';
import { createSseBlocks } from '../stream/sse-blocks.ts';
import { codexKeepAlive, createKeepAlive } from './keep-alive.ts';

describe('a keep-alive', () => {
  it('is one whole event of a type that clients ignore', () => {
    const blocks = createSseBlocks();
    const [block, ...more] = blocks.push(codexKeepAlive);
    expect(more).toEqual([]);
    expect(blocks.rest()).toHaveLength(0);
    expect(eventTypeOf(dataOf(block ?? Buffer.alloc(0)))).toBe('keepalive');
  });

  it('is written after each silence, again and again', () => {
    const { clock, written } = keepingAlive(15_000);
    clock.advance(14_000);
    expect(written()).toBe(0);
    clock.advance(1_000);
    expect(written()).toBe(1);
    clock.advance(15_000);
    clock.advance(15_000);
    expect(written()).toBe(3);
  });

  it('waits anew after a real event', () => {
    const { clock, keepAlive, written } = keepingAlive(15_000);
    clock.advance(14_000);
    keepAlive.rest();
    clock.advance(14_000);
    expect(written()).toBe(0);
    clock.advance(1_000);
    expect(written()).toBe(1);
  });

  it('is written no more once stopped, nor ever when turned off', () => {
    const { clock, keepAlive, written } = keepingAlive(15_000);
    keepAlive.stop();
    clock.advance(60_000);
    expect(written()).toBe(0);
    const off = keepingAlive(0);
    off.keepAlive.rest();
    off.clock.advance(600_000);
    off.keepAlive.stop();
    expect(off.written()).toBe(0);
  });
});

function keepingAlive(everyMs: number) {
  const clock = createMovableClock(systemClock);
  let count = 0;
  const keepAlive = createKeepAlive({ clock, everyMs, write: () => (count += 1) });
  return { clock, keepAlive, written: () => count };
}
