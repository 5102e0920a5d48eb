/**
 * Writes what exchanges leave behind: a reservation before dispatch, one settlement after. Settlements survive a
 * database that is away for a while; what a crash loses here, the sweep of the next start closes.
 */
import type { Client } from '../../api-keys/key-book.ts';
import type { KeyEnd } from '../../api-keys/key-status.ts';
import type { Prices } from '../../catalog/prices.ts';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { createGroupCommit } from '../../lib/group-commit.ts';
import { errorFacts } from '../../observe/log.ts';
import { insertAttempt, rejectRequests, type Queryable } from '../../usage/ledger-store.ts';
import type { Rejection, Reservation, Settlement } from '../../usage/ledger-rows.ts';
import { reserveRequests, type Reserved } from '../../usage/reservation-store.ts';
import { settleRequests, type Settled } from '../../usage/settle-requests.ts';
import type { Clock, Log } from '../../world/world.ts';
import type { Attempt, Exchange, Outcome } from '../exchange.ts';
import { keyEnded } from './key-ended.ts';
import { overLimit } from './over-limit.ts';
import { attemptRowOf, requestRowOf, reservationOf, settlementOf } from './settle-exchange.ts';

/** Why a request was refused before any attempt, and the status its client is told. */
export interface Refusal {
  readonly refusal: GatewayError;
  readonly responseStatus: number;
}

export interface RecordKeeper {
  /**
   * Sets tokens and money aside and records the first attempt; later attempts are recorded as they begin.
   *
   * @throws {GatewayError} why the key ended when it did so meanwhile, `duplicate_turn`,
   *   `api_key_policy_limit_exceeded`, `database_unavailable`.
   */
  begin(exchange: Exchange, attempt: Attempt): Promise<void>;
  /** Records a request that was refused before any attempt. Never throws: a refusal must reach its client. */
  reject(exchange: Exchange, refusal: Refusal): void;
  /** Closes the exchange, once: further calls do nothing. Never throws; resolves when it is written, or never will be. */
  settle(exchange: Exchange, outcome: Outcome): Promise<void>;
  /** Resolves when every record is written or the signal aborts. */
  flush(signal: AbortSignal): Promise<void>;
  readonly waiting: number;
}

interface KeyEnded {
  readonly kind: 'ended';
  readonly end: KeyEnd;
}

export interface RecordKeeperOptions {
  readonly pool: Queryable;
  readonly prices: Prices;
  /** The model list of a Pool. */
  readonly entriesOf: (poolId: string) => readonly CatalogEntry[];
  /** Asks the database itself why a client may go on no longer; null while it may. */
  readonly whyEnded: (client: Client) => Promise<KeyEnd | null>;
  readonly processNumber: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Rows per statement: large enough to carry a burst, small enough to stay well under a second. */
const maxGroup = 200;
/** Settlements kept while the database is away: about 2 kB each, so this bounds them to tens of megabytes. */
const maxWaiting = 20_000;
/**
 * Most of what a settlement costs the database is paid once for a group, the wait for the disk above all, so under load
 * groups begin this far apart. What a process that dies meanwhile did not write, the sweep closes.
 */
const settleRestMs = 25;
const firstRetryMs = 100;
const longestRetryMs = 5_000;

export function createRecordKeeper(options: RecordKeeperOptions): RecordKeeper {
  const { pool, prices, entriesOf, whyEnded, processNumber, clock, log } = options;
  const bounds = { mayBlameItem: (error: unknown) => !isAway(error), maxGroup, maxWaiting };
  const rowOptions = ({ client }: Exchange) => ({ processNumber, prices, entries: entriesOf(client.poolId) });
  const reserveTogether = () =>
    createGroupCommit<Reservation, Reserved>({ ...bounds, writeGroup: (items) => reserveRequests(pool, items) });
  /** Keys with limits wait for one another, across processes; no other key waits with them. */
  const reservations = { limited: reserveTogether(), free: reserveTogether() };
  const rejections = createGroupCommit<Rejection, void>({
    ...bounds,
    writeGroup: async (items) => {
      await rejectRequests(pool, items);
      return items.map(() => undefined);
    },
  });
  const settleTogether = (rest?: () => Promise<void>) =>
    createGroupCommit<Settlement, Settled>({
      ...bounds,
      ...(rest && { rest }),
      writeGroup: (items) => persistently(() => settleRequests(pool, items)),
    });
  /** The next request of a key with limits may wait for the one before; nobody waits for the settlements of other keys. */
  const settlements = { limited: settleTogether(), free: settleTogether(() => clock.sleep(settleRestMs)) };
  const over = new WeakSet<Exchange>();
  /** Reservations under way: a client may leave, and its exchange be over, before the database answers. */
  const reserving = new WeakMap<Exchange, Promise<unknown>>();
  /** Settlements that wait for theirs, or are written. */
  const closing = new Set<Promise<void>>();
  const stopping = new AbortController();

  /** Repeats a write while the database is away, or busy with others; a refused statement is a bug to see. */
  async function persistently<Result>(write: () => Promise<Result>): Promise<Result> {
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
      try {
        return await write();
      } catch (error) {
        if (!(isAway(error) || isCollision(error)) || stopping.signal.aborted) throw error;
        log.warn('settlement_waits_for_database', { waitMs, ...errorFacts(error) });
        await clock.sleep(waitMs, stopping.signal);
      }
    }
  }

  /** A key that ended and is good again by the time it is asked why is tried once more. */
  async function reserve(exchange: Exchange, attempt: Attempt): Promise<Reserved | KeyEnded> {
    const group = exchange.limits.isLimited ? reservations.limited : reservations.free;
    for (let time = 0; time < 2; time += 1) {
      const reserved = await group.write(reservationOf(exchange, { attempt, ...rowOptions(exchange) }));
      if (reserved.kind !== 'key_ended') return reserved;
      const end = await whyEnded(exchange.client);
      if (end !== null) return { kind: 'ended', end };
    }
    throw new Error('the key ended and was good again, twice');
  }

  async function begin(exchange: Exchange, attempt: Attempt): Promise<void> {
    try {
      if (exchange.isReserved) {
        const row = attemptRowOf(exchange, attempt);
        const { decision } = attempt;
        attempt.isRecorded = await insertAttempt(pool, { requestId: exchange.id, attempt: row, decision });
        return;
      }
      // Until the contrary is known: when the answer to the write is lost, its row may stand and must be settled.
      exchange.isReserved = true;
      const writing = reserve(exchange, attempt);
      reserving.set(exchange, writing);
      const reserved = await writing;
      exchange.isReserved = attempt.isRecorded = reserved.kind === 'reserved';
      if (reserved.kind === 'ended') throw keyEnded(reserved.end);
      if (reserved.kind === 'repeated') throw new GatewayError('duplicate_turn', { param: 'request_id' });
      if (reserved.kind === 'over_limit') throw overLimit(reserved.refusal, clock.now());
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      log.error('reservation_failed', { requestId: exchange.id, ...errorFacts(error) });
      throw new GatewayError('database_unavailable', { cause: error, retryAfterMs: 2_000 });
    }
  }

  /** Every exchange that left a row ends with this line; its records can be read from here on. */
  function logClosed({ id }: Exchange, { status, usageStatus }: { status: string; usageStatus: string }): void {
    log.debug('exchange_settled', { requestId: id, status, usageStatus });
  }

  function reject(exchange: Exchange, { refusal, responseStatus }: Refusal): void {
    const rejection = {
      ...requestRowOf(exchange, rowOptions(exchange)),
      errorCode: refusal.code,
      responseStatus,
      decision: exchange.deadEnd,
    };
    rejections
      .write(rejection)
      .then(() => logClosed(exchange, { status: 'rejected', usageStatus: 'not_applicable' }))
      .catch((error: unknown) => log.error('rejection_not_recorded', { requestId: exchange.id, ...errorFacts(error) }));
  }

  async function settle(exchange: Exchange, outcome: Outcome): Promise<void> {
    if (!exchange.isReserved || over.has(exchange)) return;
    over.add(exchange);
    const settlement = settlementOf(exchange, {
      outcome,
      prices,
      completedAt: clock.now(),
      totalMs: clock.monotonicMs() - exchange.admittedMs,
    });
    const written = close(exchange, settlement).finally(() => closing.delete(written));
    closing.add(written);
    await written;
  }

  async function close(exchange: Exchange, settlement: Settlement): Promise<void> {
    // Written first, it would find nothing to close; whether the reservation stands is the statement's to see.
    await reserving.get(exchange)?.catch(() => undefined);
    try {
      const group = exchange.limits.isLimited ? settlements.limited : settlements.free;
      const settled = await group.write(settlement);
      // Others took this process for dead and closed the request with a guess.
      if (settled === 'corrected') log.info('settlement_corrected', { requestId: exchange.id });
      logClosed(exchange, settlement);
    } catch (error) {
      log.error('settlement_not_recorded', { requestId: exchange.id, ...errorFacts(error) });
    }
  }

  async function flush(signal: AbortSignal): Promise<void> {
    const give = () => stopping.abort();
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
    await Promise.all([reservations.limited.idle(), reservations.free.idle(), rejections.idle(), ...closing]);
    signal.removeEventListener('abort', give);
  }

  return {
    begin,
    reject,
    settle,
    flush,
    get waiting() {
      return reservations.limited.size + reservations.free.size + rejections.size + closing.size;
    },
  };
}

/**
 * The database is away or too busy: SQLSTATE classes 08 (connection), 57P (operator intervention), 53 (resources), its
 * time limits (57014 for statements, 55P03 for locks), and the socket's own codes.
 */
function isAway(error: unknown): boolean {
  const code = codeOf(error);
  return (
    /^(?:08|57P|57014|53|55P03)/.test(code) ||
    /^E[A-Z]+$/.test(code) ||
    (error instanceof Error && /connection|timeout/i.test(error.message) && code === '')
  );
}

/** SQLSTATE class 40: it met another transaction, and would pass by itself. */
function isCollision(error: unknown): boolean {
  return codeOf(error).startsWith('40');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
