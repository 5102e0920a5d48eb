/** The connection pool and the typed query builder every store works with. */
import { Socket } from 'node:net';
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Log } from '../world/world.ts';
import type { DB } from './tables.generated.ts';

/** Longest any one statement may run. Pages and settlements take milliseconds; a stuck one must not hold a seat. */
export const statementLimitMs = 30_000;
/** How long a query waits for a free connection, or for the server to accept one, before it fails. */
export const connectLimitMs = 5_000;
/** A transaction nobody continues blocks others through its locks; Postgres ends it. */
const idleInTransactionLimitMs = 30_000;
/** Unused connections are closed after this long, so a quiet desktop keeps few Postgres processes. */
const idleConnectionMs = 60_000;

/** Where the database is and how this process names itself there. The URL carries the password: never log it. */
export interface DatabaseAddress {
  readonly url: string;
  /** Reach the host over IPv6 only (`ECTO_IPV6`). */
  readonly ipv6?: boolean;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
}

export interface Database {
  readonly db: Kysely<DB>;
  readonly pool: pg.Pool;
  /** Waits for running queries and closes every connection. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Makes the pool; nothing is connected until the first query (`awaitDatabase` asks early, for a readable error).
 *
 * Columns are `snake_case` in SQL and `camelCase` in code. `bigint` and `count(*)` arrive as numbers; a value beyond
 * 2^53 fails the query instead of being rounded. `numeric` stays text (`sum(bigint)` is numeric: cast it to bigint),
 * `timestamptz` is a `Date`, `date` is text `YYYY-MM-DD`. The keys of stored JSON stay as they are. The session time
 * zone is UTC.
 *
 * @example
 * const { db, stop } = connectDatabase({ url, poolSize: 10, log });
 */
export function connectDatabase(options: DatabaseAddress & { poolSize: number; log: Log }): Database {
  const pool = new pg.Pool({
    ...clientSettings(options),
    max: options.poolSize,
    connectionTimeoutMillis: connectLimitMs,
    idleTimeoutMillis: idleConnectionMs,
    // An idle pool must not keep a stopping process alive.
    allowExitOnIdle: true,
  });
  let stopping: Promise<void> | undefined;
  // Without a listener an idle connection that breaks (Postgres restarts) would end the process.
  pool.on('error', (error) => {
    // While stopping, Postgres may say goodbye first; that is no loss.
    if (!stopping) options.log.warn('database_connection_lost', { sqlState: sqlStateOf(error) });
  });
  // A connection in use that breaks fails its query, which says all there is to say; unheard, its error would end the
  // process as well.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  const db = new Kysely<DB>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
  return { db, pool, stop: () => (stopping ??= db.destroy()) };
}

/** What one `pg.Client` needs to behave as the pool's connections do; the change feed and the migrator use it too. */
export function clientSettings(address: DatabaseAddress): pg.ClientConfig {
  return {
    connectionString: address.url,
    application_name: address.applicationName ?? 'codex-pooler',
    statement_timeout: statementLimitMs,
    idle_in_transaction_session_timeout: idleInTransactionLimitMs,
    connectionTimeoutMillis: connectLimitMs,
    keepAlive: true,
    options: '-c TimeZone=UTC',
    types: { getTypeParser: parserFor },
    ...(address.ipv6 ? { stream: ipv6Socket } : {}),
  };
}

/** The five-character SQLSTATE or system code of a failed query (`57P01`, `ECONNREFUSED`); never message text. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function parserFor(type: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (type === pg.types.builtins.INT8) return safeInteger;
  // The driver would read a day as midnight in this machine's zone; text cannot shift by a day.
  if (type === pg.types.builtins.DATE) return (value) => value;
  return pg.types.getTypeParser(type, format);
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('a bigint from the database is too large for a number');
  return value;
}

/** A socket that resolves its host to IPv6 addresses only; the driver itself has no such option. */
function ipv6Socket(): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket) as (options: { port: number; host: string; family: 6 }) => Socket;
  socket.connect = ((port: number, host: string) => connect({ port, host, family: 6 })) as typeof socket.connect;
  return socket;
}
