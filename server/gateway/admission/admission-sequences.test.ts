import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admitting } from '../../../test/support/admitting.ts';
import type { LeaveSeat } from './admission.ts';

describe('whatever happens in whatever order', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ does: fc.constant('enter' as const), owner: fc.constantFrom('anna', 'ben', 'cleo') }),
    },
    { weight: 3, arbitrary: fc.record({ does: fc.constant('leave' as const), which: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('abort' as const), which: fc.nat(20) }) },
    {
      weight: 1,
      arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
    },
  );

  it('there are never more in than seats, never more waiting than the queue holds, and at the end nobody is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { admission, clock, enter } = admitting();
        const seats: LeaveSeat[] = [];
        const clients: AbortController[] = [];
        const answers: Promise<unknown>[] = [];
        for (const each of steps) {
          if (each.does === 'enter') {
            const client = new AbortController();
            clients.push(client);
            answers.push(
              enter({ signal: client.signal, owner: each.owner }).then(
                (seat) => seats.push(seat),
                () => undefined,
              ),
            );
          }
          if (each.does === 'leave') seats[each.which % Math.max(seats.length, 1)]?.();
          if (each.does === 'abort') clients[each.which % Math.max(clients.length, 1)]?.abort(new Error('left'));
          if (each.does === 'wait') clock.advance(each.ms);
          await Promise.resolve();
          const { running, queued } = admission.snapshot().proxy_stream;
          expect(running).toBeLessThanOrEqual(2);
          expect(queued).toBeLessThanOrEqual(3);
          expect(running).toBeGreaterThanOrEqual(0);
          if (queued > 0) expect(running).toBe(2);
        }
        clock.advance(20_000);
        await Promise.all(answers);
        for (const leave of seats) leave();
        expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 0 });
      }),
      { numRuns: 200 },
    );
  });
});
