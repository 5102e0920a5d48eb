import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createByteBudget, type Holding } from './byte-budget.ts';

const maxBytes = 1_024;
const budgetOf = (bytes = maxBytes) => createByteBudget({ maxBytes: () => bytes });

describe('one holding', () => {
  it('alone may have what is the most, and not a byte more', () => {
    const budget = budgetOf();
    const holding = budget.open('a');
    expect(holding.largestBytes).toBe(576);
    expect(holding.hold(577)).toBe(false);
    expect(budget.heldBytes).toBe(0);
    expect(holding.hold(576)).toBe(true);
    expect(holding.hold(577)).toBe(false);
    expect([holding.bytes, budget.heldBytes]).toEqual([576, 576]);
  });

  it('may always have less, also when there is less for all than before', () => {
    let bytes = maxBytes;
    const budget = createByteBudget({ maxBytes: () => bytes });
    const holding = budget.open('a');
    holding.hold(500);
    bytes = 100;
    expect(holding.hold(501)).toBe(false);
    expect(holding.hold(400)).toBe(true);
    expect(budget.heldBytes).toBe(400);
  });

  it('is given back once, however often', () => {
    const budget = budgetOf();
    const [holding, other] = [budget.open('a'), budget.open('a')];
    holding.hold(300);
    other.hold(100);
    holding.leave();
    holding.leave();
    expect(budget.heldBytes).toBe(100);
    expect(holding.hold(1)).toBe(false);
    expect(holding.hold(0)).toBe(true);
    expect(budget.heldBytes).toBe(100);
  });
});

describe('what all have together', () => {
  it('leaves room for a small one behind any number of large ones of the same owner', () => {
    const budget = budgetOf();
    const large = Array.from({ length: 20 }, () => budget.open('a').hold(100));
    expect(large).toContain(true);
    expect(large.at(-1)).toBe(false);
    expect(budget.open('a').hold(25)).toBe(true);
  });

  it('leaves room for another owner behind any number of small ones', () => {
    const budget = budgetOf();
    for (let count = 0; count < 5_000; count += 1) budget.open('a').hold(1);
    expect(budget.heldBytes).toBeLessThanOrEqual(768);
    expect(budget.open('b').hold(100)).toBe(true);
  });
});

describe('over any history', () => {
  const step = fc.record({
    owner: fc.constantFrom('a', 'b', 'c'),
    index: fc.nat(9),
    bytes: fc.oneof(fc.nat(40), fc.nat(maxBytes)),
    leaves: fc.boolean(),
  });

  it('never holds more than there is, always has room for somebody new, and ends with nothing held', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const budget = budgetOf();
        const holdings = new Map<string, Holding>();
        for (const { owner, index, bytes, leaves } of steps) {
          const name = `${owner}${index}`;
          const holding = holdings.get(name) ?? budget.open(owner);
          holdings.set(name, holding);
          const before = [holding.bytes, budget.heldBytes];
          if (leaves) {
            holding.leave();
            holdings.delete(name);
          } else if (!holding.hold(bytes)) expect([holding.bytes, budget.heldBytes]).toEqual(before);
          const all = [...holdings.values()].reduce((sum, each) => sum + each.bytes, 0);
          expect(budget.heldBytes).toBe(all);
          expect(all).toBeLessThanOrEqual(maxBytes);
          const newcomer = budget.open('new');
          expect(newcomer.mayHold(Math.floor((9 / 16) * (maxBytes - all)))).toBe(true);
        }
        for (const holding of holdings.values()) holding.leave();
        expect(budget.heldBytes).toBe(0);
      }),
    );
  });
});
