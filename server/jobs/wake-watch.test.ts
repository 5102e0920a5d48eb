import { describe, expect, it } from 'vitest';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import type { Clock } from '../world/world.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { createHandMovedClock } from '../../test/support/one-installation.ts';
import { watchForWake, type Wake } from './wake-watch.ts';

const hour = 60 * 60_000;

describe('a machine', () => {
  it('that slept is noticed at the next beat, with how long and since when', () => {
    const { clock, wakes } = watched();
    clock.advance(1_000);
    clock.jumpWall(8 * hour);
    clock.advance(1_000);
    expect(wakes).toEqual([{ sleptMs: 8 * hour, sinceMs: 1_000 }]);
    clock.advance(1_000);
    expect(wakes).toHaveLength(1);
  });

  it('that works has not slept, however long its timers take', () => {
    const { clock, wakes } = watched();
    for (const ms of [1_000, 25_000, 10 * 60_000]) clock.advance(ms);
    expect(wakes).toEqual([]);
  });

  it('whose other clock goes on in sleep is known by a beat that comes much too late', () => {
    const { clock, wakes } = watched({ countsSleep: true });
    clock.advance(29_000);
    expect(wakes).toEqual([]);
    clock.advance(hour);
    expect(wakes).toEqual([{ sleptMs: hour, sinceMs: 29_000 }]);
  });

  it('whose clock is set back or put right a little has not slept', () => {
    const { clock, wakes } = watched();
    for (const ms of [-10 * 60_000, 9_000, -3_000]) {
      clock.jumpWall(ms);
      clock.advance(1_000);
    }
    expect(wakes).toEqual([]);
  });
});

it('is watched no more once stopped', () => {
  const { clock, wakes, watch } = watched();
  watch.stop();
  clock.jumpWall(hour);
  clock.advance(1_000);
  expect(wakes).toEqual([]);
});

it('the system says of its clock whether it goes on in sleep', () => {
  expect(typeof systemClock.countsSleep).toBe('boolean');
});

function watched({ countsSleep }: Pick<Clock, 'countsSleep'> = {}) {
  const hand = createHandMovedClock();
  const clock = { ...createMovableClock(hand), ...(countsSleep !== undefined && { countsSleep }) };
  const wakes: Wake[] = [];
  const watch = watchForWake({ clock, log: quietLog, onWake: (wake) => void wakes.push(wake) });
  return { clock, wakes, watch };
}
