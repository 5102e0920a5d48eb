import { describe, expect, it } from 'vitest';
import { admitting, small } from '../../../test/support/admitting.ts';
import { defaultSettings } from '../../contract/settings.ts';

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
    await enter({ lane: 'proxy_compact' });
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
    const waiting = enter({ signal: controller.signal });
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
    await expect(enter({ signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left');
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 0 });
  });

  it('costs a client that leaves after it got its seat nothing but the seat', async () => {
    const { admission, clock, enter } = admitting();
    const controller = new AbortController();
    const leave = await enter({ signal: controller.signal });
    controller.abort(new Error('left'));
    clock.advance(60_000);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 0 });
    leave();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 0 });
  });
});

describe('keys', () => {
  it('take turns, and wait in the order they came among their own', async () => {
    const { enter } = admitting({ ...small, 'admission.proxy_stream.queue': 10 });
    const leave = [await enter(), await enter()];
    const order: string[] = [];
    const waiting = ['anna 1', 'anna 2', 'anna 3', 'ben 1', 'ben 2', 'cleo 1'].map((name) =>
      enter({ owner: name.split(' ')[0] ?? '' }).then((seat) => (order.push(name), seat)),
    );
    leave[1]?.();
    for (const each of [0, 3, 5, 1, 4, 2]) (await waiting[each])?.();
    expect(order).toEqual(['anna 1', 'ben 1', 'cleo 1', 'anna 2', 'ben 2', 'anna 3']);
  });

  it('with five hundred waiting do not keep out one with one', async () => {
    const { enter } = admitting({ ...small, 'admission.proxy_stream.queue': 500 });
    const leave = [await enter(), await enter()];
    for (let n = 0; n < 500; n += 1) void enter();
    const one = enter({ owner: 'ben' });
    leave[0]?.();
    leave[1]?.();
    await one;
  });

  it('that fill the line give way to others, newest first, until all have as much of it', async () => {
    const { admission, enter } = admitting();
    await enter();
    await enter();
    const [, , newest] = [enter(), enter(), enter()];
    const other = enter({ owner: 'ben' });
    await expect(newest).rejects.toMatchObject({ code: 'server_is_overloaded' });
    await expect(enter({ owner: 'ben' })).rejects.toMatchObject({ code: 'server_is_overloaded' });
    expect(admission.snapshot().proxy_stream).toEqual({ running: 2, queued: 3 });
    void other;
  });
});

describe('a key that may run so many at once', () => {
  const atOnce = [{ id: 'limit', maximum: 1, model: null }];

  it('waits for its own places and keeps nobody else waiting', async () => {
    const { admission, enter } = admitting();
    const leave = await enter({ atOnce });
    const second = enter({ atOnce });
    await enter({ owner: 'ben' });
    expect(admission.snapshot().proxy_stream).toEqual({ running: 2, queued: 1 });
    leave();
    await second;
  });

  it('has a place again when the request before is settled, not when its seat is free', async () => {
    const { admission, enter } = admitting();
    const leave = await enter({ atOnce });
    const second = enter({ atOnce });
    const settled = Promise.withResolvers<void>();
    leave(settled.promise);
    await Promise.resolve();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 1 });
    settled.resolve();
    await second;
  });

  it('finds its places in every lane', async () => {
    const { admission, enter } = admitting();
    const leave = await enter({ atOnce, lane: 'proxy_compact' });
    const second = enter({ atOnce });
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 1 });
    leave();
    await second;
  });

  it('with several places has one more whenever one of its requests ends, however often', async () => {
    const { admission, enter } = admitting();
    const two = [{ id: 'limit', maximum: 2, model: null }];
    const running = [
      await enter({ atOnce: two, lane: 'proxy_http' }),
      await enter({ atOnce: two, lane: 'proxy_http' }),
    ];
    for (let round = 0; round < 5; round += 1) {
      const next = enter({ atOnce: two, lane: 'proxy_http' });
      expect(admission.snapshot().proxy_http).toEqual({ running: 2, queued: 1 });
      running.shift()?.();
      expect(admission.snapshot().proxy_http).toEqual({ running: 2, queued: 0 });
      running.push(await next);
    }
    // With none left the count begins anew.
    for (const leave of running) leave();
    await enter({ atOnce: two });
    await enter({ atOnce: two });
    void enter({ atOnce: two });
    expect(admission.snapshot().proxy_stream).toEqual({ running: 2, queued: 1 });
  });

  it('is told after the wait that it is its own limit', async () => {
    const { clock, enter } = admitting();
    await enter({ atOnce });
    const second = enter({ atOnce });
    clock.advance(10_000);
    await expect(second).rejects.toMatchObject({
      code: 'api_key_policy_limit_exceeded',
      limit: { unit: 'concurrency', window: 'now', used: 1, attempted: 1, maximum: 1 },
    });
  });

  it('has more places as soon as its limit is raised, and any when it is lifted', async () => {
    const { admission, enter } = admitting();
    const limit = { id: 'limit', maximum: 1, model: null };
    const limits = [limit];
    const enterOne = () => enter({ atOnce: limits, lane: 'proxy_http' });
    await enterOne();
    const [second, third] = [enterOne(), enterOne()];
    limit.maximum = 2;
    admission.reconsider();
    await second;
    expect(admission.snapshot().proxy_http).toEqual({ running: 2, queued: 1 });
    limits.pop();
    admission.reconsider();
    await third;
    expect(admission.snapshot().proxy_http).toEqual({ running: 3, queued: 0 });
  });

  it('with a lowered limit lets running requests finish, and nobody in until there is room', async () => {
    const { admission, enter } = admitting();
    const limit = { id: 'limit', maximum: 2, model: null };
    const running = [await enter({ atOnce: [limit] }), await enter({ atOnce: [limit] })];
    const waiting = enter({ atOnce: [limit] });
    limit.maximum = 1;
    admission.reconsider();
    running[0]?.();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 1 });
    running[1]?.();
    await waiting;
  });

  it('does not wait where none may run', async () => {
    const { enter } = admitting();
    const none = [{ id: 'limit', maximum: 0, model: null }];
    await expect(enter({ atOnce: none })).rejects.toMatchObject({ code: 'api_key_policy_limit_exceeded' });
  });
});

describe('changed settings', () => {
  it('give waiting requests the new seats as soon as one comes or goes', async () => {
    const { admission, change, enter } = admitting();
    await enter();
    await enter();
    const waiting = [enter(), enter()];
    change({ 'admission.proxy_stream.seats': 10 });
    await enter();
    await Promise.all(waiting);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 5, queued: 0 });
  });

  it('with fewer seats let running requests finish, and nobody in until there is room', async () => {
    const { admission, change, enter } = admitting();
    const leave = [await enter(), await enter()];
    const waiting = enter();
    change({ 'admission.proxy_stream.seats': 1 });
    leave[0]?.();
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 1 });
    leave[1]?.();
    await waiting;
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 0 });
  });
});
