import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createGroupCommit, GroupCommitFull } from './group-commit.ts';

describe('group commit', () => {
  it('writes the first item alone and what came meanwhile together', async () => {
    const groups: number[][] = [];
    const gates: (() => void)[] = [];
    const commit = createGroupCommit<number, number>({
      mayBlameItem: () => true,
      maxGroup: 10,
      maxWaiting: 100,
      async writeGroup(items) {
        groups.push([...items]);
        await new Promise<void>((open) => gates.push(open));
        return items.map((item) => item * 2);
      },
    });
    const results = [1, 2, 3].map((item) => commit.write(item));
    expect(commit.size).toBe(3);
    gates.shift()?.();
    await results[0];
    await Promise.resolve();
    gates.shift()?.();
    expect(await Promise.all(results)).toEqual([2, 4, 6]);
    expect(groups).toEqual([[1], [2, 3]]);
    await commit.idle();
    expect(commit.size).toBe(0);
  });

  it('rests from the beginning of a group on, and then writes together what came', async () => {
    const groups: number[][] = [];
    const rests: (() => void)[] = [];
    const commit = createGroupCommit<number, number>({
      mayBlameItem: () => true,
      maxGroup: 10,
      maxWaiting: 100,
      writeGroup(items) {
        groups.push([...items]);
        return Promise.resolve(items);
      },
      rest: () => new Promise<void>((over) => rests.push(over)),
    });
    // Whoever comes first does not wait.
    await commit.write(1);
    await commit.idle();
    const later = [2, 3].map((item) => commit.write(item));
    await nextTurn();
    expect(groups).toEqual([[1]]);
    expect(commit.size).toBe(2);
    rests[0]?.();
    await Promise.all(later);
    await commit.idle();
    expect(groups).toEqual([[1], [2, 3]]);
    // Nor does one who comes when the rest is over.
    rests[1]?.();
    await commit.write(4);
    expect(groups).toEqual([[1], [2, 3], [4]]);
  });

  it('lets a bad item fail alone', async () => {
    const commit = createGroupCommit<number, number>({
      mayBlameItem: () => true,
      maxGroup: 10,
      maxWaiting: 100,
      async writeGroup(items) {
        await Promise.resolve();
        if (items.includes(13)) throw new RangeError('13');
        return items;
      },
    });
    const results = await Promise.allSettled([1, 12, 13, 14].map((item) => commit.write(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  });

  it('fails a whole group at once when no item can be to blame', async () => {
    let writes = 0;
    const commit = createGroupCommit<number, number>({
      mayBlameItem: () => false,
      maxGroup: 10,
      maxWaiting: 100,
      async writeGroup() {
        await Promise.resolve();
        writes += 1;
        throw new Error('away');
      },
    });
    const results = await Promise.allSettled([1, 2, 3, 4].map((item) => commit.write(item)));
    expect(results.map(({ status }) => status)).toEqual(Array.from(results, () => 'rejected'));
    expect(writes).toBe(2);
    expect(commit.size).toBe(0);
  });

  it('refuses beyond its bound instead of growing', async () => {
    const commit = createGroupCommit<number, number>({
      mayBlameItem: () => true,
      maxGroup: 1,
      maxWaiting: 1,
      writeGroup: () => new Promise(() => undefined),
    });
    void commit.write(1);
    void commit.write(2);
    await expect(commit.write(3)).rejects.toBeInstanceOf(GroupCommitFull);
  });
});
