import { describe, expect, it } from 'vitest';
import { makeClient, makeExchange } from '../../../test/support/exchange.ts';
import { createHandMovedClock } from '../../../test/support/one-installation.ts';
import { unlimited } from '../../api-keys/limit-book.ts';
import type { KeyEnd } from '../../api-keys/key-status.ts';
import { defaultSettings } from '../../contract/settings.ts';
import { createAdmission } from './admission.ts';
import { waitForSeat } from './wait-for-seat.ts';

describe('a request that waits for a seat', () => {
  it('is refused when its key ends in the very moment it gets one, and leaves the seat to the next', async () => {
    const { wait, admission, end, rejected } = waiting();
    const leave = await wait();
    const second = wait();
    // It ended by the clock, so nobody was told.
    end('api_key_expired', { isAnnounced: false });
    leave();
    await expect(second).rejects.toMatchObject({ code: 'api_key_expired' });
    expect(rejected).toEqual(['api_key_expired']);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 0, queued: 0 });
  });

  it('leaves the line as soon as its key has ended, and is told when to come back if it was only moved', async () => {
    const { wait, admission, end, rejected } = waiting();
    await wait();
    const second = wait();
    end('api_key_moved');
    await expect(second).rejects.toMatchObject({ code: 'api_key_moved', retryAfterMs: 1_000 });
    expect(rejected).toEqual(['api_key_moved']);
    expect(admission.snapshot().proxy_stream).toEqual({ running: 1, queued: 0 });
  });

  it('leaves no row where it had to wait too long, or its client left', async () => {
    const { wait, clock, rejected } = waiting();
    await wait();
    const late = wait();
    clock.advance(defaultSettings['admission.proxy_stream.wait_ms']);
    await expect(late).rejects.toMatchObject({ code: 'server_is_overloaded' });
    const client = new AbortController();
    const left = wait(client.signal);
    client.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(rejected).toEqual([]);
  });

  it('listens to nobody any more, however its wait ended', async () => {
    const { wait, clock, end, listeners } = waiting();
    const leave = await wait();
    expect(listeners.size).toBe(0);
    const [late, second] = [wait(), wait()];
    expect(listeners.size).toBe(2);
    clock.advance(defaultSettings['admission.proxy_stream.wait_ms']);
    await expect(late).rejects.toMatchObject({ code: 'server_is_overloaded' });
    await expect(second).rejects.toMatchObject({ code: 'server_is_overloaded' });
    const third = wait();
    end('api_key_paused');
    await expect(third).rejects.toMatchObject({ code: 'api_key_paused' });
    leave();
    expect(listeners.size).toBe(0);
  });
});

/** One seat, and a key that ends when the test says so. */
function waiting() {
  const clock = createHandMovedClock();
  const settings = { ...defaultSettings, 'admission.proxy_stream.seats': 1 };
  const admission = createAdmission({ clock, settings: () => settings });
  const client = makeClient();
  const listeners = new Set<() => void>();
  const rejected: string[] = [];
  let ended: KeyEnd | null = null;
  const keys = {
    whyEnded: () => ended,
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const limits = { of: () => unlimited };
  const records = {
    reject: (_exchange: unknown, { refusal }: { refusal: { code: string } }) => void rejected.push(refusal.code),
  };
  const wait = (signal = new AbortController().signal) => {
    const entering = waitForSeat(makeExchange({ client, signal }), { admission, keys, limits, records });
    // Those still waiting when a test is over are nobody's concern.
    entering.catch(() => undefined);
    return entering;
  };
  const end = (why: KeyEnd, { isAnnounced = true } = {}) => {
    ended = why;
    if (isAnnounced) for (const listener of listeners) listener();
  };
  return { admission, clock, end, listeners, rejected, wait };
}
