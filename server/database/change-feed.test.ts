import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../test/support/database.ts';
import { keepingLog, quietLog } from '../../test/support/quiet-log.ts';
import { systemClock } from '../world/real-world.ts';
import type { Log } from '../world/world.ts';
import { livingProcesses } from './advisory-lock.ts';
import { announceChange, type ChangeFeed, createChangeFeed } from './change-feed.ts';

let database: TestDatabase;
const feeds: ChangeFeed[] = [];
beforeAll(async () => {
  database = await testDatabase({ empty: true });
});
afterEach(async () => {
  await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
});
afterAll(() => database.stop());

function feed(log: Log = quietLog): ChangeFeed {
  const made = createChangeFeed({
    address: { url: database.url, applicationName: 'feed-under-test' },
    clock: systemClock,
    log,
  });
  feeds.push(made);
  return made;
}

/** Counts calls and lets a test wait for the nth. */
function counter(): { hit: () => void; count: () => number; reaches: (n: number) => Promise<void> } {
  let count = 0;
  const waiting = new Map<number, () => void>();
  return {
    hit() {
      count += 1;
      waiting.get(count)?.();
    },
    count: () => count,
    reaches: (n) => (count >= n ? Promise.resolve() : new Promise((resolve) => void waiting.set(n, resolve))),
  };
}

async function cutFeeds(): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'feed-under-test' and datname = current_database()`.execute(database.db);
}

describe('the change feed', () => {
  it('calls the subscribers of a topic, on every process, and no others', async () => {
    const [here, there] = [feed(), feed()];
    await Promise.all([here.start(), there.start()]);
    const [settings, settingsThere, keys] = [counter(), counter(), counter()];
    here.subscribe('settings', settings.hit);
    here.subscribe('api_keys', keys.hit);
    there.subscribe('settings', settingsThere.hit);
    await announceChange(database.db, 'settings');
    await Promise.all([settings.reaches(1), settingsThere.reaches(1)]);
    expect(keys.count()).toBe(0);
  });

  it('announces at commit only', async () => {
    const changes = feed();
    await changes.start();
    const seen: string[] = [];
    const last = counter();
    changes.subscribe('pools', () => void seen.push('pools'));
    changes.subscribe('accounts', () => void seen.push('accounts'));
    changes.subscribe('catalog', last.hit);
    const failing = database.db.transaction().execute(async (transaction) => {
      await announceChange(transaction, 'pools');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await database.db.transaction().execute(async (transaction) => {
      await announceChange(transaction, 'accounts');
      await announceChange(transaction, 'accounts');
    });
    await announceChange(database.db, 'catalog');
    await last.reaches(1);
    expect(seen).toEqual(['accounts']);
  });

  it('stops calling a subscriber that left, and survives one that throws', async () => {
    const changes = feed();
    await changes.start();
    const [left, kept] = [counter(), counter()];
    const leave = changes.subscribe('settings', left.hit);
    changes.subscribe('settings', () => {
      throw new Error('broken subscriber');
    });
    changes.subscribe('settings', kept.hit);
    leave();
    await announceChange(database.db, 'settings');
    await kept.reaches(1);
    expect(left.count()).toBe(0);
  });

  it('reconnects when Postgres cuts it off, calls everybody once because words may be lost, and hears again', async () => {
    const log = keepingLog();
    const changes = feed(log);
    const [settings, keys] = [counter(), counter()];
    await changes.start();
    changes.subscribe('settings', settings.hit);
    changes.subscribe('api_keys', keys.hit);
    await cutFeeds();
    await Promise.all([settings.reaches(1), keys.reaches(1)]);
    expect(log.events.map((entry) => entry.event)).toContain('change_feed_interrupted');
    await announceChange(database.db, 'api_keys');
    await keys.reaches(2);
    expect(settings.count()).toBe(1);
  });

  it('stops while it is still connecting', async () => {
    const changes = feed();
    const started = changes.start();
    await changes.stop();
    await started;
    expect(changes.connected()).toBe(false);
  });

  it('stops while it waits for a database that is not there', async () => {
    const log = keepingLog();
    const lost = createChangeFeed({
      address: { url: 'postgres://nobody:secret@127.0.0.1:9/none' },
      clock: systemClock,
      log,
    });
    const started = lost.start();
    await log.logged('change_feed_cannot_connect');
    expect(lost.connected()).toBe(false);
    await lost.stop();
    await started;
    expect(JSON.stringify(log.events)).not.toContain('secret');
  });
});

describe('the process lock', () => {
  it('shows who lives, belongs to one process, and is taken again after a cut', async () => {
    const [first, second] = [feed(), feed()];
    await Promise.all([first.start(), second.start()]);
    expect(await first.holdProcessLock(7)).toBe(true);
    expect(await second.holdProcessLock(7)).toBe(false);
    expect(await second.holdProcessLock(8)).toBe(true);
    expect(await livingProcesses(database.db)).toEqual([7, 8]);
    const back = counter();
    first.subscribe('accounts', back.hit);
    await second.stop();
    await cutFeeds();
    await back.reaches(1);
    expect(await livingProcesses(database.db)).toEqual([7]);
    await first.stop();
    expect(await livingProcesses(database.db)).toEqual([]);
  });
});
