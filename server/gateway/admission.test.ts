import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultSettings, type Settings } from '../contract/settings.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import { createAdmission, type LeaveSeat } from './admission.ts';

const small: Settings = {
  ...defaultSettings,
  'admission.proxy_stream.seats': 2,
  'admission.proxy_stream.queue': 3,
  'admission.queue_wait_ms': 10_000,
};

describe('a seat', () => {
  it('is given at once while there are any; the next request waits', async () => {
    const { admission, enter } = admitting();
    await enter();
    await enter();
    void enter();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 2, queued: 1 });
  });

  it('goes to whoever waits longest', async () => {
    const { enter } = admitting();
    const leave = [await enter(), await enter()];
    const order: string[] = [];
    const first = enter().then((seat) => (order.push('first'), seat));
    const second = enter().then((seat) => (order.push('second'), seat));
    leave[1]?.();
    (await first)();
    await second;
    expect(order).toEqual(['first', 'second']);
  });

  it('is given back once, however often it is left', async () => {
    const { admission, enter } = admitting();
    const leave = await enter();
    await enter();
    leave();
    leave();
    leave();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 0 });
  });

  it('of one lane is no seat of another', async () => {
    const { admission, enter } = admitting();
    await enter();
    await enter();
    await admission.enter('proxy_compact', { settings: small, signal: new AbortController().signal });
    expect(admission.snapshot().proxy_compact).toEqual({ running: 1, queued: 0 });
  });
});

describe('the queue', () => {
  it('refuses at once what does not fit, and asks for a second', async () => {
    const { enter } = admitting();
    await enter();
    await enter();
    for (let n = 0; n < 3; n += 1) void enter();
    await expect(enter()).rejects.toMatchObject({ code: 'server_is_overloaded', retryAfterMs: 1_000 });
  });

  it('lets 24 streams run and 96 wait by default, and refuses the 121st', async () => {
    const { admission, enter } = admitting(defaultSettings);
    for (let n = 0; n < 24; n += 1) await enter();
    for (let n = 0; n < 96; n += 1) void enter();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 24, queued: 96 });
    await expect(enter()).rejects.toMatchObject({ code: 'server_is_overloaded' });
  });

  it('refuses who waited too long, and nobody else', async () => {
    const { admission, clock, enter } = admitting();
    const leave = await enter();
    await enter();
    const late = enter();
    clock.advance(9_000);
    const later = enter();
    clock.advance(1_000);
    await expect(late).rejects.toMatchObject({ code: 'server_is_overloaded' });
    expect(admission.snapshot().proxy_stream).toEqual({ running: 2, queued: 1 });
    leave();
    await later;
  });

  it('is left by a client that leaves, with its reason', async () => {
    const { admission, enter } = admitting();
    await enter();
    const leave = await enter();
    const controller = new AbortController();
    const waiting = enter(small, controller.signal);
    const behind = enter();
    const reason = new Error('left');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 2, queued: 1 });
    leave();
    await behind;
  });

  it('is not entered by a client that has left already', async () => {
    const { admission, enter } = admitting();
    await expect(enter(small, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 0 });
  });

  it('costs a client that leaves after it got its seat nothing but the seat', async () => {
    const { admission, clock, enter } = admitting();
    const controller = new AbortController();
    const leave = await enter(small, controller.signal);
    controller.abort(new Error('left'));
    clock.advance(60_000);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 0 });
    leave();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 0 });
  });
});

describe('changed settings', () => {
  it('give waiting requests the new seats as soon as one comes or goes', async () => {
    const { admission, enter } = admitting();
    await enter();
    await enter();
    const waiting = [enter(), enter()];
    await enter({ ...small, 'admission.proxy_stream.seats': 10 });
    await Promise.all(waiting);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 5, queued: 0 });
  });

  it('with fewer seats let running requests finish, and nobody in until there is room', async () => {
    const { admission, enter } = admitting();
    const leave = [await enter(), await enter()];
    const waiting = enter({ ...small, 'admission.proxy_stream.seats': 1 });
    leave[0]?.();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 1 });
    leave[1]?.();
    await waiting;
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 0 });
  });
});

describe('whatever happens in whatever order', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ does: 'enter' } as const) },
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
              enter(small, client.signal).then(
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

function admitting(usual: Settings = small) {
  const clock = createMovableClock(systemClock);
  const admission = createAdmission({ clock });
  const enter = (settings: Settings = usual, signal: AbortSignal = new AbortController().signal) => {
    const entering = admission.enter('proxy_stream', { settings, signal });
    // Those still waiting when a test is over are nobody's concern.
    entering.catch(() => undefined);
    return entering;
  };
  return { admission, clock, enter };
}
