import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createByteBudget } from '../../lib/byte-budget.ts';
import { createSocketRoom } from './socket-room.ts';

function opened(maxBytes = 1_600) {
  const budget = createByteBudget({ maxBytes: () => maxBytes });
  return { budget, room: createSocketRoom(budget.open('key')) };
}

describe('a message', () => {
  it('counts while it arrives, waits and is served, each byte once', () => {
    const { budget, room } = opened();
    expect(room.arrived(400)).toBe(true);
    expect(room.arrived(106)).toBe(true);
    expect(budget.heldBytes).toBe(506);
    expect(room.takes(500)).toBe(true);
    room.waits(500);
    expect(budget.heldBytes).toBe(500);
    room.waits(0);
    room.serves(500);
    expect(budget.heldBytes).toBe(500);
    room.hold(800);
    expect(budget.heldBytes).toBe(800);
    room.serves(0);
    expect(budget.heldBytes).toBe(0);
  });

  it('that finds no room is refused as it arrives, and once unpacked', () => {
    const { budget, room } = opened();
    expect(room.arrived(901)).toBe(false);
    expect(room.arrived(20)).toBe(true);
    expect(room.takes(901)).toBe(false);
    expect(budget.heldBytes).toBe(0);
    room.serves(100);
    expect(() => room.hold(901)).toThrow('server_is_overloaded');
    expect(budget.heldBytes).toBe(100);
  });
});

it('what is no message counts no longer than until it is read', () => {
  const { budget, room } = opened();
  for (let count = 0; count < 10_000; count += 1) {
    room.arrived(131);
    room.passed(131);
  }
  expect(budget.heldBytes).toBe(0);
});

it('whatever happens on it, a socket that is gone and serves nothing holds nothing', () => {
  const event = fc.tuple(
    fc.constantFrom('arrived', 'passed', 'takes', 'waits', 'serves', 'hold' as const),
    fc.nat(900),
  );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const { budget, room } = opened();
      for (const [name, bytes] of events) {
        try {
          room[name](bytes);
        } catch {
          // There was no room.
        }
        expect(budget.heldBytes).toBeLessThanOrEqual(900);
      }
      room.leave();
      room.serves(0);
      expect(budget.heldBytes).toBe(0);
    }),
  );
});
