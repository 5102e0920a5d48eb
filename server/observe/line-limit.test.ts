import { expect, it } from 'vitest';
import { keepingLog } from '../../test/support/quiet-log.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import { limitLines, linesPerSecond } from './line-limit.ts';

it('writes so many lines a second, and tells how many it left out', async () => {
  const clock = createMovableClock(systemClock);
  const log = keepingLog();
  const lines = limitLines({ clock, log });
  for (let count = 0; count < linesPerSecond + 500; count += 1) lines.info('request', { status: 401 });
  expect(log.events).toHaveLength(linesPerSecond);
  clock.advance(1_000);
  expect(await log.logged('lines_left_out')).toMatchObject({ level: 'warn', facts: { count: 500 } });
  lines.info('request', { status: 404 });
  expect(log.events.at(-1)).toMatchObject({ event: 'request', facts: { status: 404 } });
  clock.advance(10_000);
  expect(log.events).toHaveLength(linesPerSecond + 2);
});
