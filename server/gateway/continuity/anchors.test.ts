import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { makeHousehold } from '../../../test/support/ledger-rows.ts';
import { quietLog } from '../../../test/support/quiet-log.ts';
import { createHandMovedClock } from '../../../test/support/one-installation.ts';
import type { Queryable } from './anchor-store.ts';
import { nameOfContent, nameOfKey, type AnchorName } from './anchor.ts';
import { createAnchors } from './anchors.ts';

let database: TestDatabase;
let anna: string;
let ben: string;

beforeAll(async () => {
  database = await testDatabase();
  [anna = '', ben = ''] = (await makeHousehold(database.db)).accountIds;
});
afterAll(() => database.stop());

const hourMs = 3_600_000;
let clock = createHandMovedClock();
beforeEach(() => (clock = createHandMovedClock()));

/** One process: its memory over the shared database, with the statements it sends counted. */
function startProcess() {
  const statements: string[] = [];
  let isAway = false;
  const pool = {
    query(config: { name: string }) {
      statements.push(config.name);
      if (isAway) return Promise.reject(new Error('away'));
      return database.pool.query(config as never);
    },
  } as unknown as Queryable;
  const anchors = createAnchors({ pool, clock, log: quietLog });
  return {
    anchors,
    statements,
    loseDatabase: (away: boolean) => void (isAway = away),
    async ownerOf(name: AnchorName) {
      await anchors.load([name]);
      return anchors.ownerOf(name);
    },
  };
}

const thread = () => nameOfKey('thread', { keyId: 'key', text: randomUUID() });

describe('an anchor', () => {
  it('is known to the next start and to another process, for its time', async () => {
    const name = thread();
    const first = startProcess();
    first.anchors.bind(name, { accountId: anna, lifeMs: hourMs });
    await first.anchors.save();
    const second = startProcess();
    expect([second.anchors.ownerOf(name), await second.ownerOf(name)]).toEqual([null, anna]);
    clock.advance(hourMs);
    for (const each of [first, second, startProcess()]) expect(await each.ownerOf(name)).toBeNull();
  });

  it('that another process led elsewhere is followed there after a minute', async () => {
    const name = thread();
    const [first, second] = [startProcess(), startProcess()];
    first.anchors.bind(name, { accountId: anna, lifeMs: hourMs });
    await first.anchors.save();
    clock.advance(1);
    second.anchors.bind(name, { accountId: ben, lifeMs: hourMs });
    await second.anchors.save();
    expect(await first.ownerOf(name)).toBe(anna);
    clock.advance(60_000);
    expect(await first.ownerOf(name)).toBe(ben);
  });

  it('written late does not undo a newer one', async () => {
    const name = thread();
    const [late, quick] = [startProcess(), startProcess()];
    late.anchors.bind(name, { accountId: anna, lifeMs: hourMs });
    clock.advance(1);
    quick.anchors.bind(name, { accountId: ben, lifeMs: hourMs });
    await quick.anchors.save();
    await late.anchors.save();
    expect(await startProcess().ownerOf(name)).toBe(ben);
  });

  it('bound by a clock that was set back since gives way to what is bound by the right one', async () => {
    const name = thread();
    const [wrong, right] = [startProcess(), startProcess()];
    clock.jumpWall(30 * 24 * hourMs);
    wrong.anchors.bind(name, { accountId: anna, lifeMs: hourMs });
    await wrong.anchors.save();
    clock.jumpWall(-30 * 24 * hourMs);
    right.anchors.bind(name, { accountId: ben, lifeMs: hourMs });
    await right.anchors.save();
    expect(await startProcess().ownerOf(name)).toBe(ben);
  });

  it('slides on, in memory with every use, in the database when it has become old', async () => {
    const name = thread();
    const { anchors, statements } = startProcess();
    const use = async () => {
      anchors.bind(name, { accountId: anna, lifeMs: hourMs });
      await anchors.save();
    };
    await use();
    clock.advance(60_000);
    await use();
    expect(statements).toEqual(['upsert_anchors']);
    clock.advance(10 * 60_000);
    await use();
    expect(statements).toHaveLength(2);
    clock.advance(hourMs - 1);
    expect([anchors.ownerOf(name), await startProcess().ownerOf(name)]).toEqual([anna, anna]);
  });

  it('is read once for requests that come together, and not at all while memory is fresh', async () => {
    const names = [thread(), thread(), thread()];
    const writer = startProcess();
    for (const name of names) writer.anchors.bind(name, { accountId: anna, lifeMs: hourMs });
    await writer.anchors.save();
    const { anchors, statements } = startProcess();
    await Promise.all(names.map((name) => anchors.load([name])));
    // The first goes at once, the others together.
    expect(statements).toEqual(['select_anchors', 'select_anchors']);
    await anchors.load(names);
    // What comes along is no reason to ask.
    await anchors.load(names, [thread()]);
    expect(statements).toHaveLength(2);
  });

  it('may be read along with others that are asked for anyway', async () => {
    const [name, rare] = [thread(), thread()];
    const writer = startProcess();
    for (const each of [name, rare]) writer.anchors.bind(each, { accountId: anna, lifeMs: hourMs });
    await writer.anchors.save();
    const { anchors, statements } = startProcess();
    await anchors.load([name], [rare]);
    expect([anchors.ownerOf(rare), statements]).toEqual([anna, ['select_anchors']]);
  });

  it('survives a database that is away when it is made', async () => {
    const compaction = nameOfContent('compaction', randomUUID());
    const first = startProcess();
    first.loseDatabase(true);
    first.anchors.bind(compaction, { accountId: ben, lifeMs: hourMs });
    await first.anchors.save();
    expect(await startProcess().ownerOf(compaction)).toBeNull();
    first.loseDatabase(false);
    await first.anchors.flush(new AbortController().signal);
    expect(await startProcess().ownerOf(compaction)).toBe(ben);
  });

  it('of an account that is not there is not stored, and keeps no other from being stored', async () => {
    const [gone, good] = [thread(), thread()];
    const { anchors } = startProcess();
    anchors.bind(gone, { accountId: randomUUID(), lifeMs: hourMs });
    anchors.bind(good, { accountId: anna, lifeMs: hourMs });
    await anchors.save();
    const next = startProcess();
    expect([await next.ownerOf(gone), await next.ownerOf(good)]).toEqual([null, anna]);
  });

  it('may be claimed for a moment, which binds nobody and is never stored', async () => {
    const name = thread();
    const { anchors, statements } = startProcess();
    anchors.claim(name, anna);
    expect(anchors.ownerOf(name)).toBe(anna);
    anchors.claim(name, ben);
    expect(anchors.ownerOf(name)).toBe(ben);
    await anchors.save();
    expect(statements).toEqual([]);
    anchors.bind(name, { accountId: anna, lifeMs: hourMs });
    anchors.claim(name, ben);
    expect(anchors.ownerOf(name)).toBe(anna);
    const other = thread();
    anchors.claim(other, ben);
    clock.advance(90_000);
    expect(anchors.ownerOf(other)).toBeNull();
  });

  it('leads nobody to what another key named the same', () => {
    const text = 'same';
    expect(nameOfKey('thread', { keyId: 'a', text }).hash).not.toBe(nameOfKey('thread', { keyId: 'b', text }).hash);
    expect(nameOfKey('response', { keyId: 'a', text }).hash).not.toBe(nameOfKey('thread', { keyId: 'a', text }).hash);
  });
});
