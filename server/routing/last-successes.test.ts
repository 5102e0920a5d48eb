import { describe, expect, it } from 'vitest';
import { createLastSuccesses } from './last-successes.ts';

const earlier = new Date('2026-11-23T11:00:00Z');
const later = new Date('2026-11-23T12:00:00Z');

describe('the last successes', () => {
  it('know nothing of an account that never served, or that was removed', () => {
    const successes = createLastSuccesses();
    expect(successes.lastSuccessAt('a')).toBeNull();
    successes.note('a', later);
    successes.forget('a');
    expect(successes.lastSuccessAt('a')).toBeNull();
  });

  it('keep the newest, in whatever order they are told, also against what was stored', () => {
    const successes = createLastSuccesses();
    successes.note('a', later);
    successes.note('a', earlier);
    successes.restore(
      new Map([
        ['a', earlier],
        ['b', earlier],
      ]),
    );
    expect([successes.lastSuccessAt('a'), successes.lastSuccessAt('b')]).toEqual([later, earlier]);
    successes.note('b', later);
    expect(successes.lastSuccessAt('b')).toEqual(later);
  });
});
