import { describe, expect, it } from 'vitest';
import { defaultCircuitRules } from './circuit.ts';
import { createOutageWatch, lookEveryMs, runMs } from './outage.ts';

describe('a machine without a network', () => {
  it('is told by two failed connections with no answer between them, of one account or of several', () => {
    for (const second of ['a', 'b']) {
      const { watch, events } = made();
      watch.connectFailed('a');
      expect(watch.isDown(0)).toBe(false);
      watch.connectFailed(second);
      expect(watch.isDown(0)).toBe(true);
      expect(events).toHaveLength(1);
    }
  });

  it('is not told as long as anybody answers', () => {
    const { watch, events } = made();
    for (let n = 0; n < 10; n += 1) {
      watch.connectFailed('a');
      watch.reached();
    }
    expect(watch.isDown(0)).toBe(false);
    expect(events).toEqual([]);
  });

  it('says since when nobody answered, once per outage', () => {
    const { watch, time, events } = made();
    time.ms = 1_000;
    watch.reached();
    time.ms = 2_000;
    for (let n = 0; n < 5; n += 1) watch.connectFailed('a');
    expect(events).toEqual(['down since 1000']);
  });

  it('lets one call every few seconds look whether it is back', () => {
    const { watch, time } = down();
    const block = { reason: 'network_down', untilMs: lookEveryMs };
    expect(watch.begin('a')).toEqual(block);
    time.ms = lookEveryMs;
    expect(watch.blocked('a', time.ms)).toBeNull();
    expect(watch.blocked('a', time.ms)).toBeNull();
    expect(watch.begin('a')).toBeNull();
    expect(watch.begin('a')).toEqual({ reason: 'network_down', untilMs: 2 * lookEveryMs });
    expect(watch.begin('b')).toEqual({ reason: 'network_down', untilMs: 2 * lookEveryMs });
  });

  it('does not let the failed look itself be followed at once by the next', () => {
    const { watch, time } = down();
    time.ms = lookEveryMs;
    watch.begin('a');
    time.ms = 10 * lookEveryMs;
    watch.connectFailed('a');
    expect(watch.blocked('b', time.ms)).toEqual({ reason: 'network_down', untilMs: 11 * lookEveryMs });
  });

  it('always lets an account be called that was not found unreachable yet: it may be the way out', () => {
    const { watch } = down();
    expect(watch.begin('c')).toBeNull();
    expect(watch.begin('c')).toBeNull();
    expect(watch.begin('a')).not.toBeNull();
  });

  it('is over with the first answer of anybody, and then every account may be called', () => {
    const { watch, events } = down();
    watch.reached();
    watch.reached();
    expect(watch.isDown(0)).toBe(false);
    expect([watch.begin('a'), watch.begin('a'), watch.begin('b')]).toEqual([null, null, null]);
    expect(events.filter((event) => event === 'up')).toHaveLength(1);
    watch.connectFailed('a');
    expect(watch.isDown(0)).toBe(false);
  });

  it('is no longer believed in when nobody has tried for a while', () => {
    const { watch, time, events } = down();
    time.ms = runMs;
    expect(watch.isDown(time.ms)).toBe(false);
    expect(watch.begin('a')).toBeNull();
    watch.connectFailed('a');
    expect(watch.isDown(time.ms)).toBe(false);
    watch.connectFailed('a');
    expect(watch.isDown(time.ms)).toBe(true);
    expect(events.filter((event) => event.startsWith('down'))).toHaveLength(2);
  });

  it('is noticed before failures of one run could open a circuit', () => {
    expect(runMs).toBeGreaterThanOrEqual(defaultCircuitRules.windowMs);
  });

  it('is shown with its beginning and the next look', () => {
    const { watch, time } = made();
    expect(watch.snapshot()).toEqual({ sinceMs: null, nextLookMs: null });
    time.ms = 100;
    watch.connectFailed('a');
    watch.connectFailed('b');
    time.ms = 200;
    expect(watch.snapshot()).toEqual({ sinceMs: 100, nextLookMs: 100 + lookEveryMs });
    watch.reached();
    expect(watch.snapshot()).toEqual({ sinceMs: null, nextLookMs: null });
  });
});

function made() {
  const time = { ms: 0 };
  const events: string[] = [];
  const watch = createOutageWatch({
    clock: { monotonicMs: () => time.ms },
    onDown: (sinceMs) => events.push(`down since ${sinceMs}`),
    onUp: () => events.push('up'),
  });
  return { watch, time, events };
}

/** An outage in which accounts a and b were found unreachable. */
function down() {
  const parts = made();
  parts.watch.connectFailed('a');
  parts.watch.connectFailed('b');
  return parts;
}
