import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnchorKind } from '../../contract/vocabulary.ts';
import { createAnchorWriter, type AnchorWriterOptions } from './anchor-writer.ts';
import type { StoredAnchor } from './anchor.ts';

const at = new Date('2026-11-23T12:00:00Z');

function anchor(hash: string, { kind = 'thread', accountId = 'anna' }: Partial<StoredAnchor> = {}): StoredAnchor {
  return { hash, kind, accountId, boundAt: at, expiresAt: at };
}

/** A store that can be away. */
function writing(options: Partial<AnchorWriterOptions> = {}) {
  const stored = new Map<string, string>();
  const database = { isAway: false };
  let dropped = 0;
  const writer = createAnchorWriter({
    write: async (anchors) => {
      await Promise.resolve();
      if (database.isAway) throw new Error('away');
      for (const { hash, accountId } of anchors) stored.set(hash, accountId);
    },
    onDropped: (count) => (dropped += count),
    ...options,
  });
  return { writer, stored, database, dropped: () => dropped };
}

describe('writing anchors behind', () => {
  it('loses nothing while the database is away, and the newest binding wins', async () => {
    const { writer, stored, database } = writing();
    database.isAway = true;
    writer.put(anchor('a'));
    const failing = writer.save();
    writer.put(anchor('a', { accountId: 'ben' }));
    writer.put(anchor('c', { kind: 'compaction' }));
    await expect(failing).rejects.toThrow('away');
    expect([writer.waiting, writer.isWaiting('a'), writer.isWaiting('x')]).toEqual([2, true, false]);
    database.isAway = false;
    await writer.save();
    expect(Object.fromEntries(stored)).toEqual({ a: 'ben', c: 'anna' });
    expect([writer.waiting, writer.isWaiting('a')]).toEqual([0, false]);
  });

  it('keeps what a conversation needs when preferences crowd in', async () => {
    const { writer, stored, dropped } = writing({ maxWaiting: 3 });
    writer.put(anchor('needed', { kind: 'compaction' }));
    writer.put(anchor('answer', { kind: 'response' }));
    writer.put(anchor('file', { kind: 'file' }));
    for (let n = 0; n < 10; n += 1) writer.put(anchor(`thread-${n}`));
    await writer.save();
    expect([...stored.keys()].toSorted()).toEqual(['answer', 'file', 'needed', 'thread-7', 'thread-8', 'thread-9']);
    expect(dropped()).toBe(7);
  });

  it('writes many in groups of bounded size, and counts as waiting what is under way', async () => {
    const sizes: number[] = [];
    const { writer } = writing({ write: async (anchors) => void sizes.push(anchors.length) });
    for (let n = 0; n < 2_500; n += 1) {
      writer.put(anchor(`thread-${n}`));
      writer.put(anchor(`compaction-${n}`, { kind: 'compaction' }));
    }
    const saving = writer.save();
    expect(writer.waiting).toBe(5_000);
    await saving;
    expect(sizes).toEqual([2_000, 2_000, 1_000]);
    expect(writer.waiting).toBe(0);
  });

  it('stores the last binding of every name, whenever the database comes and goes', async () => {
    const step = fc.oneof(
      fc.tuple(
        fc.constant('put' as const),
        fc.constantFrom('a', 'b', 'c'),
        fc.constantFrom('anna', 'ben'),
        fc.constantFrom<AnchorKind>('thread', 'response'),
      ),
      fc.constantFrom('save' as const, 'away' as const, 'back' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { writer, stored, database } = writing();
        const expected = new Map<string, string>();
        const saves: Promise<unknown>[] = [];
        for (const each of steps) {
          if (each === 'save') saves.push(writer.save().catch(() => undefined));
          else if (typeof each === 'string') database.isAway = each === 'away';
          else {
            const [, name, accountId, kind] = each;
            // A name is of one kind.
            const hash = `${kind}-${name}`;
            writer.put(anchor(hash, { kind, accountId }));
            expected.set(hash, accountId);
          }
          if (steps.length % 3 === 0) await Promise.resolve();
        }
        await Promise.all(saves);
        database.isAway = false;
        await writer.save();
        await writer.save();
        expect(stored).toEqual(expected);
      }),
    );
  });
});
