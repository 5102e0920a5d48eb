import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnswerMemory, itemsOf, maxAnswers, maxParts, type SocketMemory } from './answer-memory.ts';

const memoryOf = (maxBytes = 4_000) => createAnswerMemory({ maxBytes: () => maxBytes });
const recalled = (socket: SocketMemory, id: string) => {
  const conversation = socket.recall(id);
  return conversation && itemsOf(conversation);
};
/** Items whose JSON takes exactly so many bytes. */
const ofBytes = (bytes: number) => ['x'.repeat(bytes - 4)];

describe('an answer', () => {
  it('is gone on from with all that led to it, and so is the one before it', () => {
    const socket = memoryOf().open();
    socket.keep('a', { before: [], items: ['hi', 'hello'] });
    socket.keep('b', { before: socket.recall('a') ?? [], items: ['more'] });
    expect([recalled(socket, 'a'), recalled(socket, 'b')]).toEqual([
      ['hi', 'hello'],
      ['hi', 'hello', 'more'],
    ]);
  });

  it('is known on its own socket only, and until that is closed', () => {
    const memory = memoryOf();
    const [socket, other] = [memory.open(), memory.open()];
    socket.keep('a', { before: [], items: ['hi'] });
    expect(recalled(other, 'a')).toBeNull();
    other.close();
    expect(recalled(socket, 'a')).toEqual(['hi']);
    socket.close();
    // A turn may end after its socket.
    socket.keep('b', { before: [], items: ['late'] });
    expect([recalled(socket, 'a'), recalled(socket, 'b'), memory.bytes]).toEqual([null, null, 0]);
  });

  it('that was forgotten leaves those that went on from it whole', () => {
    const memory = memoryOf();
    const socket = memory.open();
    socket.keep('a', { before: [], items: ['hi'] });
    socket.keep('b', { before: socket.recall('a') ?? [], items: ['more'] });
    socket.forget('a');
    socket.forget('unheard-of');
    expect([recalled(socket, 'a'), recalled(socket, 'b')]).toEqual([null, ['hi', 'more']]);
    expect(memory.bytes).toBe('["hi"]["more"]'.length);
  });

  it('without an id, or with one that is nobody’s, is not kept', () => {
    const memory = memoryOf();
    const socket = memory.open();
    for (const id of ['', 'x'.repeat(257)]) socket.keep(id, { before: [], items: ['hi'] });
    expect(memory.bytes).toBe(0);
  });
});

describe('where there is no room', () => {
  it('the answer of a socket that was used longest ago goes', () => {
    const socket = memoryOf(1_000_000).open();
    for (let number = 0; number < maxAnswers; number += 1) socket.keep(`r${number}`, { before: [], items: [] });
    socket.recall('r0');
    socket.keep('next', { before: [], items: [] });
    expect(['r0', 'r1', 'r2', 'next'].map((id) => recalled(socket, id))).toEqual([[], null, [], []]);
  });

  it('one socket takes a quarter of it at most', () => {
    const memory = memoryOf(400);
    const socket = memory.open();
    socket.keep('whole', { before: [], items: ofBytes(100) });
    expect(recalled(socket, 'whole')).not.toBeNull();
    socket.keep('too much', { before: [], items: ofBytes(101) });
    expect([recalled(socket, 'too much'), recalled(socket, 'whole')]).toEqual([null, ofBytes(100)]);
    socket.keep('small', { before: [], items: [] });
    expect([recalled(socket, 'whole'), recalled(socket, 'small'), memory.bytes]).toEqual([null, [], 2]);
  });

  it('a conversation of very many turns is not kept on, however little they said', () => {
    const socket = memoryOf(1_000_000).open();
    for (let number = 0; number <= maxParts; number += 1)
      socket.keep(`r${number}`, { before: socket.recall(`r${number - 1}`) ?? [], items: [] });
    expect(socket.recall(`r${maxParts - 1}`)).toHaveLength(maxParts);
    expect(socket.recall(`r${maxParts}`)).toBeNull();
  });

  it('among all sockets the answer that was used longest ago goes', () => {
    const memory = memoryOf(400);
    const sockets = Array.from({ length: 5 }, () => memory.open());
    for (const socket of sockets.slice(0, 4)) socket.keep('a', { before: [], items: ofBytes(100) });
    sockets[0]?.recall('a');
    sockets[4]?.keep('a', { before: [], items: ofBytes(100) });
    expect(sockets.map((socket) => recalled(socket, 'a') !== null)).toEqual([true, false, true, true, true]);
  });
});

describe('whatever is kept, gone on from, forgotten and closed', () => {
  type Deed = { kind: 'keep' | 'recall' | 'forget' | 'close'; socket: number; id: number; from: number; size: number };
  const deed = fc.record<Deed>({
    kind: fc.constantFrom('keep', 'keep', 'keep', 'recall', 'forget', 'close'),
    socket: fc.nat(3),
    id: fc.nat(6),
    from: fc.nat(6),
    size: fc.nat(80),
  });

  it('no bound is passed, what is recalled is what was kept, and nothing is left in the end', () => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
        const memory = memoryOf(400);
        const sockets = Array.from({ length: 4 }, () => ({
          memory: memory.open(),
          kept: new Map<number, unknown[]>(),
        }));
        for (const { kind, socket: number, id, from, size } of deeds) {
          const socket = sockets[number]!;
          if (kind === 'forget') socket.memory.forget(`${id}`);
          if (kind === 'close') socket.memory.close();
          if (kind === 'close') sockets[number] = { memory: memory.open(), kept: new Map() };
          if (kind === 'keep') {
            const before = socket.memory.recall(`${from}`) ?? [];
            const items = [size, 'x'.repeat(size)];
            socket.kept.set(id, [...itemsOf(before), ...items]);
            socket.memory.keep(`${id}`, { before, items });
          }
          const known = recalled(socket.memory, `${id}`);
          if (known !== null) expect(known).toEqual(socket.kept.get(id));
          if (kind === 'forget' || kind === 'close') expect(known).toBeNull();
          expect(memory.bytes).toBeLessThanOrEqual(400);
        }
        for (const { memory: socket } of sockets) socket.close();
        expect(memory.bytes).toBe(0);
      }),
    );
  });
});
