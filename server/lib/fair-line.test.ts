import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFairLine } from './fair-line.ts';

const everybody = () => true;
const owners = fc.array(fc.constantFrom('anna', 'ben', 'cleo', 'dora'), { maxLength: 60 });

describe('a fair line', () => {
  it('serves one of each owner before it serves a second, and each owner in order', () => {
    fc.assert(
      fc.property(owners, (coming) => {
        const line = createFairLine<{ owner: string; place: number }>();
        coming.forEach((owner, place) => line.join(owner, { owner, place }));
        const served = Array.from(coming, () => line.next(everybody));
        const rounds = served.map(
          (one, index) => served.slice(0, index).filter((each) => each?.owner === one?.owner).length,
        );
        expect(rounds).toEqual(rounds.toSorted((one, other) => one - other));
        for (const owner of new Set(coming)) {
          const places = served.flatMap((one) => (one?.owner === owner ? [one.place] : []));
          expect(places).toEqual(places.toSorted((one, other) => one - other));
        }
        expect(line.size).toBe(0);
        expect(line.next(everybody)).toBeUndefined();
      }),
    );
  });

  it('passes over those who do not fit, and they keep their places', () => {
    const line = createFairLine<string>();
    for (const [owner, name] of [
      ['anna', 'a1'],
      ['anna', 'a2'],
      ['ben', 'b1'],
    ] as const)
      line.join(owner, name);
    expect(line.next((name) => name !== 'a1' && name !== 'a2')).toBe('b1');
    expect([line.next(everybody), line.next(everybody)]).toEqual(['a1', 'a2']);
  });

  it('bounded by giving way, leaves no owner out that asks for less than its share', () => {
    fc.assert(
      fc.property(owners, fc.integer({ min: 4, max: 12 }), (coming, room) => {
        const line = createFairLine<{ owner: string }>();
        const waiting = new Map<string, number>();
        const count = (owner: string) => waiting.get(owner) ?? 0;
        for (const owner of coming) {
          if (line.size >= room) {
            const leaver = line.giveWay(owner);
            if (!leaver) {
              for (const other of waiting.keys()) expect(count(other)).toBeLessThanOrEqual(count(owner) + 1);
              continue;
            }
            waiting.set(leaver.owner, count(leaver.owner) - 1);
          }
          line.join(owner, { owner });
          waiting.set(owner, count(owner) + 1);
          expect(line.size).toBeLessThanOrEqual(room);
        }
        for (const owner of new Set(coming)) expect(count(owner)).toBeGreaterThan(0);
      }),
    );
  });

  it('is left once', () => {
    const line = createFairLine<string>();
    line.join('anna', 'a1');
    expect([line.leave('anna', 'a1'), line.leave('anna', 'a1'), line.leave('ben', 'b1')]).toEqual([true, false, false]);
    expect(line.size).toBe(0);
  });
});
