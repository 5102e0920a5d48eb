/**
 * The queue that all processes on one database share: pg-boss in a schema of its own. It keeps one run per kind waiting
 * or under way, whoever offers it, and gives each to one taker. The only importer of pg-boss.
 */
import type { PgBoss } from 'pg-boss';
import type pg from 'pg';
import type { JobName } from '../contract/vocabulary.ts';
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';

export interface TakenRun {
  readonly id: string;
  readonly name: string;
  /** What {@link JobQueue.offer} was told of the last run; undefined: run in any case. */
  readonly after: Date | null | undefined;
}

export interface JobQueue {
  /** Makes or migrates the queue's tables, once; later calls cost nothing. */
  open(): Promise<void>;
  /** Puts a run in line. False when one of its kind waits or runs already. */
  offer(name: JobName, after: Date | null | undefined): Promise<boolean>;
  /** The run of a kind that waits or is under way, in whichever process; null when there is none. */
  openRun(name: JobName): Promise<string | null>;
  /** Takes up to `most` runs; nobody else gets them. */
  take(most: number): Promise<TakenRun[]>;
  /** The run is over, however it went: the next of its kind may be offered. */
  close(id: string): Promise<void>;
  stop(): Promise<void>;
}

const schema = 'codex_pooler_jobs';
const queueName = 'housekeeping';
const openStates: ReadonlySet<string> = new Set(['created', 'retry', 'active']);
/** The last resort, should a run be neither closed nor given up: its kind may be offered again after this. */
const expireSeconds = 3_600;
const historySeconds = 3_600;
/** How often finished runs are cleared away and expired ones are looked for. */
const superviseSeconds = 600;

/** @param options.supervises clears away finished runs; one process per installation is enough */
export function createJobQueue({
  pool,
  clock,
  log,
  supervises,
}: {
  pool: pg.Pool;
  clock: Clock;
  log: Log;
  supervises: boolean;
}): JobQueue {
  let opening: Promise<PgBoss> | null = null;

  async function start(): Promise<PgBoss> {
    // Loaded when needed: commands and pure web processes do without.
    const { PgBoss: Boss } = await import('pg-boss');
    const boss = new Boss({
      db: { executeSql: (text, values) => pool.query(text, values) },
      schema,
      clock: clockOf(clock),
      schedule: false,
      supervise: supervises,
      superviseIntervalSeconds: superviseSeconds,
      maintenanceIntervalSeconds: historySeconds,
      monitorIntervalSeconds: historySeconds,
      queueCacheIntervalSeconds: superviseSeconds,
      flowIntervalSeconds: superviseSeconds,
      bamIntervalSeconds: superviseSeconds,
      reindex: false,
      monitorVacuum: false,
    });
    boss.on('error', (error) => log.warn('job_queue_failed', errorFacts(error)));
    await boss.start();
    await boss.createQueue(queueName, {
      policy: 'exclusive',
      retryLimit: 0,
      expireInSeconds: expireSeconds,
      retentionSeconds: expireSeconds,
      deleteAfterSeconds: historySeconds,
    });
    return boss;
  }

  function opened(): Promise<PgBoss> {
    opening ??= start().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  }

  return {
    open: async () => void (await opened()),

    async offer(name, after) {
      const boss = await opened();
      const content = { name, ...(after !== undefined && { after: after?.toISOString() ?? null }) };
      return (await boss.send(queueName, content, { singletonKey: name })) !== null;
    },

    async openRun(name) {
      const boss = await opened();
      const known = await boss.findJobs(queueName, { key: name });
      return known.find(({ state }) => openStates.has(state))?.id ?? null;
    },

    async take(most) {
      const boss = await opened();
      const taken = await boss.fetch<{ name: string; after?: string | null }>(queueName, { batchSize: most });
      return taken.map(({ id, data: { name, after } }) => ({ id, name, after: instantOf(after) }));
    },

    async close(id) {
      const boss = await opened();
      await boss.complete(queueName, id);
    },

    async stop() {
      const boss = await opening?.catch(() => null);
      // The pool is not the queue's own, and runs under way are awaited by whoever took them.
      await boss?.stop({ graceful: false, close: false });
    },
  };
}

function instantOf(text: string | null | undefined): Date | null | undefined {
  return typeof text === 'string' ? new Date(text) : text;
}

interface Handle {
  stop(): void;
}

/** Our clock as pg-boss wants it, so that nothing here waits on a clock of its own. */
function clockOf(clock: Clock) {
  const stop = (handle: unknown) => (handle as Handle | undefined)?.stop();
  const repeat = (fire: () => void, ms: number): Handle => {
    const timer = clock.timer(ms, () => {
      timer.restart();
      fire();
    });
    return timer;
  };
  return {
    now: () => clock.now().getTime(),
    setTimeout: (fire: () => void, ms: number): Handle => clock.timer(ms, fire),
    clearTimeout: stop,
    setInterval: repeat,
    clearInterval: stop,
  };
}
