/**
 * Tells every process on one database that something changed: settings, revoked keys, accounts. Postgres carries the
 * word (`LISTEN`/`NOTIFY`), and a receiver reads the new state itself.
 */
import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import type { ChangeTopic } from '../contract/vocabulary.ts';
import type { Clock, Log } from '../world/world.ts';
import { advisoryLocks } from './advisory-lock.ts';
import { clientSettings, type DatabaseAddress, sqlStateOf } from './connect.ts';
import type { DB } from './tables.generated.ts';

const channel = 'codex_pooler_changes';
/** A silent connection is asked this often, so a laptop that slept or a lost network is noticed. */
const heartbeatMs = 15_000;
const answerLimitMs = 10_000;
const firstWaitMs = 100;
const longestWaitMs = 10_000;

export interface ChangeFeed {
  /** Connects and resolves when the feed is live; keeps trying until then or until `stop`. */
  start(): Promise<void>;
  /**
   * Calls `onChange` for every announcement of `topic`, and after every (re)connection, when announcements may have been
   * missed. `onChange` must be quick and must not throw; it usually marks something stale. Returns a way to end it.
   */
  subscribe(topic: ChangeTopic, onChange: () => void): () => void;
  /**
   * Holds this process's number for as long as the connection lives, so others see that it is alive
   * (`livingProcesses`). Taken again after a reconnect. False when another process holds the number.
   */
  holdProcessLock(number: number): Promise<boolean>;
  /** Whether announcements arrive right now. */
  connected(): boolean;
  stop(): Promise<void>;
}

/**
 * Announces a change to every process, this one included. Inside a transaction it is sent at commit, and not at all
 * when that fails; equal words within one transaction are sent once.
 */
export async function announceChange(db: Kysely<DB>, topic: ChangeTopic): Promise<void> {
  await sql`select pg_notify(${channel}, ${topic})`.execute(db);
}

/**
 * Makes a feed on a connection of its own (a pooled one would lose `LISTEN` and the process lock on its way).
 *
 * @example
 * const changes = createChangeFeed({ address: { url }, clock, log });
 * changes.subscribe('settings', () => settings.refresh());
 * await changes.start();
 */
export function createChangeFeed(options: { address: DatabaseAddress; clock: Clock; log: Log }): ChangeFeed {
  const { clock, log } = options;
  const subscribers = new Map<string, Set<() => void>>();
  const stopping = new AbortController();
  const live = Promise.withResolvers<void>();
  let client: pg.Client | undefined;
  let processNumber: number | undefined;
  let holdsLock = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let waitMs = firstWaitMs; !stopping.signal.aborted;) {
      const session = new pg.Client({ ...clientSettings(options.address), query_timeout: answerLimitMs });
      const ended = endOf(session);
      try {
        await open(session);
        waitMs = firstWaitMs;
        await ended;
      } catch (error) {
        if (!stopping.signal.aborted) log.warn('change_feed_cannot_connect', { sqlState: sqlStateOf(error) });
      }
      client = undefined;
      holdsLock = false;
      await close(session);
      if (stopping.signal.aborted) return;
      log.warn('change_feed_interrupted', { waitMs });
      await clock.sleep(waitMs, stopping.signal).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
    }
  }

  async function open(session: pg.Client): Promise<void> {
    session.on('notification', (message) => callSubscribers(subscribers.get(message.payload ?? '') ?? []));
    await session.connect();
    await session.query(`listen ${channel}`);
    // Asked to stop while connecting: nobody would close this session any more.
    stopping.signal.throwIfAborted();
    client = session;
    await takeLock();
    beat(session);
    live.resolve();
    for (const group of subscribers.values()) callSubscribers(group);
  }

  async function takeLock(): Promise<boolean> {
    if (client === undefined || processNumber === undefined || holdsLock) return holdsLock;
    const { rows } = await client.query<{ locked: boolean }>(
      'select pg_try_advisory_lock($1::int, $2::int) as locked',
      [advisoryLocks.processClass, processNumber],
    );
    holdsLock = rows[0]?.locked ?? false;
    return holdsLock;
  }

  /** Asks again and again for as long as this session is the current one. */
  function beat(session: pg.Client): void {
    const timer = clock.timer(heartbeatMs, () => {
      void (async () => {
        if (client !== session) return;
        try {
          await session.query('select 1');
          // After an unclean break our own old session may have held the number until now.
          await takeLock();
          timer.restart();
        } catch {
          await close(session);
        }
      })();
    });
  }

  function callSubscribers(group: Iterable<() => void>): void {
    for (const onChange of group) {
      try {
        onChange();
      } catch (error) {
        log.error('change_subscriber_failed', { errorName: error instanceof Error ? error.name : 'unknown' });
      }
    }
  }

  return {
    start() {
      running ??= run();
      return Promise.race([live.promise, running]);
    },
    subscribe(topic, onChange) {
      const group = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, group.add(onChange));
      return () => void group.delete(onChange);
    },
    holdProcessLock(number) {
      processNumber = number;
      return takeLock();
    },
    connected: () => client !== undefined,
    async stop() {
      stopping.abort();
      if (client) await close(client);
      await running;
    },
  };
}

/** Resolves when the session is over; also keeps a broken connection from ending the process. */
function endOf(session: pg.Client): Promise<void> {
  return new Promise((resolve) => {
    session.on('error', () => resolve());
    session.on('end', () => resolve());
  });
}

async function close(session: pg.Client): Promise<void> {
  // Ending a connection that never stood or is already gone has nothing more to say.
  await session.end().catch(() => undefined);
}
