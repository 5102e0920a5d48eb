import { describe, expect, it } from 'vitest';
import { createExpiringMap } from './expiring-map.ts';

describe('an expiring map', () => {
  it('forgets an entry at its end, not before', () => {
    const map = createExpiringMap<string, number>({ maxEntries: 10 });
    map.set('a', { value: 1, endsMs: 100 });
    expect(map.get('a', 99)).toBe(1);
    expect(map.get('a', 100)).toBeUndefined();
    expect(map.size).toBe(0);
  });

  it('drops the entry unused longest when it is full', () => {
    const map = createExpiringMap<string, number>({ maxEntries: 2 });
    map.set('a', { value: 1, endsMs: 100 });
    map.set('b', { value: 2, endsMs: 100 });
    map.get('a', 0);
    map.set('c', { value: 3, endsMs: 100 });
    expect([map.get('a', 0), map.get('b', 0), map.get('c', 0)]).toEqual([1, undefined, 3]);
  });
});
