import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { keepingLog } from '../../test/support/quiet-log.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import { startRepeating } from './repeating-work.ts';

describe('repeating work', () => {
  it('begins after one interval, and again one interval after its end', async () => {
    const { clock, runs, finish } = working();
    clock.advance(999);
    expect(runs()).toBe(0);
    clock.advance(1);
    expect(runs()).toBe(1);
    clock.advance(10_000);
    expect(runs()).toBe(1);
    await finish();
    clock.advance(1_000);
    expect(runs()).toBe(2);
  });

  it('goes on after a failure, which is logged by name and not by its words', async () => {
    const { clock, runs, finish, log } = working();
    clock.advance(1_000);
    await finish(new RangeError('canary'));
    expect(log.events).toMatchObject([{ level: 'error', event: 'repeating_work_failed', facts: { name: 'sweep' } }]);
    expect(JSON.stringify(log.events)).not.toContain('canary');
    clock.advance(1_000);
    expect(runs()).toBe(2);
  });

  it('waits for a run under way when it is stopped, and runs no more', async () => {
    const { clock, runs, finish, work } = working();
    clock.advance(1_000);
    let isStopped = false;
    const stopping = work.stop().then(() => (isStopped = true));
    await nextTurn();
    expect(isStopped).toBe(false);
    await finish();
    await stopping;
    clock.advance(60_000);
    expect(runs()).toBe(1);
  });

  it('stops at once between two runs', async () => {
    const { clock, runs, work } = working();
    await work.stop();
    clock.advance(60_000);
    expect(runs()).toBe(0);
  });
});

function working() {
  const clock = createMovableClock(systemClock);
  const log = keepingLog();
  const started: PromiseWithResolvers<void>[] = [];
  const run = () => {
    const each = Promise.withResolvers<void>();
    started.push(each);
    return each.promise;
  };
  const work = startRepeating({ name: 'sweep', everyMs: 1_000, run }, { clock, log });
  return {
    clock,
    log,
    work,
    runs: () => started.length,
    async finish(error?: Error) {
      if (error) started.at(-1)?.reject(error);
      else started.at(-1)?.resolve();
      await nextTurn();
    },
  };
}
