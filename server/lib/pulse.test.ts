import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHandMovedClock } from '../../test/support/one-installation.ts';
import { createPulse } from './pulse.ts';

const everyMs = 1_000;

function beating({ maxMissed }: { maxMissed?: number } = {}) {
  const clock = createHandMovedClock();
  const seen = { pings: [] as Buffer[], silences: 0, isExcused: false };
  const pulse = createPulse({
    everyMs,
    ...(maxMissed !== undefined && { maxMissed }),
    timer: (ms, fire) => clock.timer(ms, fire),
    ping: (payload) => void seen.pings.push(payload),
    isExcused: () => seen.isExcused,
    onSilent: () => void (seen.silences += 1),
  });
  return { clock, seen, pulse, beat: () => clock.advance(everyMs) };
}

describe('a pulse', () => {
  it('pings for as long as it is answered, each time with other words', () => {
    const { seen, pulse, beat } = beating();
    for (let count = 1; count <= 5; count += 1) {
      beat();
      pulse.answered(seen.pings.at(-1)!);
      expect(seen.pings).toHaveLength(count);
    }
    expect(new Set(seen.pings.map(String)).size).toBe(5);
    expect(seen.silences).toBe(0);
  });

  it.each([1, 2, 3])('ends after %i pings in a row without an answer', (maxMissed) => {
    const { seen, pulse, beat } = beating({ maxMissed });
    beat();
    pulse.answered(seen.pings[0]!);
    for (let missed = 0; missed < maxMissed; missed += 1) beat();
    expect(seen.silences).toBe(0);
    beat();
    expect(seen.silences).toBe(1);
    beat();
    expect(seen).toMatchObject({ silences: 1 });
    expect(seen.pings).toHaveLength(1 + maxMissed);
  });

  it('takes the pong of an earlier ping for none, and anything else that comes for an answer', () => {
    const { seen, pulse, beat } = beating({ maxMissed: 2 });
    beat();
    beat();
    pulse.answered(seen.pings[0]!);
    pulse.heard();
    beat();
    beat();
    expect(seen.silences).toBe(0);
    pulse.answered(seen.pings[0]!);
    beat();
    expect(seen.silences).toBe(1);
  });

  it('misses nothing while there is an excuse, and begins to count anew after it', () => {
    const { seen, beat } = beating();
    beat();
    seen.isExcused = true;
    for (let count = 0; count < 10; count += 1) beat();
    seen.isExcused = false;
    beat();
    expect(seen.silences).toBe(0);
    beat();
    expect(seen.silences).toBe(1);
  });

  it('asks at once when it is told to, and waits for that answer no longer than it is told', () => {
    const { clock, seen, pulse } = beating({ maxMissed: 3 });
    pulse.check(100);
    pulse.answered(seen.pings[0]!);
    clock.advance(100);
    expect(seen.silences).toBe(0);
    pulse.check(100);
    clock.advance(100);
    expect(seen.silences).toBe(1);
  });

  it('gives that answer its whole time, though a beat was due in the same moment, as after a sleep', () => {
    const { clock, seen, pulse } = beating();
    clock.advance(everyMs - 1);
    pulse.check(100);
    clock.advance(1);
    expect(seen.silences).toBe(0);
    pulse.answered(seen.pings.at(-1)!);
    clock.advance(everyMs);
    expect(seen.silences).toBe(0);
  });

  it('says nothing after it was stopped', () => {
    const { seen, pulse, beat } = beating();
    pulse.check(10);
    pulse.stop();
    beat();
    beat();
    expect(seen).toMatchObject({ silences: 0 });
    expect(seen.pings).toHaveLength(1);
  });

  it('is silent at most once, and never when every ping is answered before the next', () => {
    const happenings = fc.array(fc.constantFrom('beat', 'answer', 'heard', 'check', 'excuse', 'no excuse'));
    fc.assert(
      fc.property(happenings, fc.integer({ min: 1, max: 3 }), fc.boolean(), (sequence, maxMissed, isAnswering) => {
        const { clock, seen, pulse, beat } = beating({ maxMissed });
        const answer = () => seen.pings.length > 0 && pulse.answered(seen.pings.at(-1)!);
        for (const each of sequence) {
          if (each === 'beat') beat();
          if (each === 'answer') answer();
          if (each === 'heard') pulse.heard();
          if (each === 'check') pulse.check(500);
          if (each.endsWith('excuse')) seen.isExcused = each === 'excuse';
          if (isAnswering) answer();
          clock.advance(1);
        }
        expect(seen.silences).toBeLessThanOrEqual(isAnswering ? 0 : 1);
      }),
    );
  });
});
