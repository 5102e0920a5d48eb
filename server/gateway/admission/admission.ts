/**
 * Seats and the lines before them. Each lane has so many seats; keys take turns in its line. When a line is full, the
 * newest of the key with most waiting gives way to a key with fewer, so no key can fill it alone. A key that may run
 * only so many requests at once waits here for its own places, and keeps nobody else waiting; the reservation checks the
 * same again where all processes see it.
 */
import type { AtOnceLimit } from '../../api-keys/limit-book.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { lanes as laneList, type LaneName } from '../../contract/lanes.ts';
import type { Settings } from '../../contract/settings.ts';
import { createFairLine, type FairLine } from '../../lib/fair-line.ts';
import type { Clock } from '../../world/world.ts';
import { overLimit } from '../records/over-limit.ts';

/**
 * Gives the seat back. Idempotent. The places that the key's own limits count are free once `settled` resolves: until
 * then the request counts as running where all processes look.
 */
export type LeaveSeat = (settled?: Promise<unknown>) => void;

export interface Entrant {
  /** Whose turn it takes: the key. */
  readonly owner: string;
  /** How many may run at once by the key's limits as they are now: they may change while it waits. */
  readonly atOnce: () => readonly AtOnceLimit[];
  readonly signal: AbortSignal;
}

export interface Admission {
  /**
   * @throws {GatewayError} `server_is_overloaded` when the line is full or the wait too long;
   *   `api_key_policy_limit_exceeded` when the key's own limit was what took so long.
   * @throws the signal's reason when the client leaves while waiting.
   */
  enter(lane: LaneName, entrant: Entrant): Promise<LeaveSeat>;
  /** Limits have changed: whoever waits and fits now comes in. */
  reconsider(): void;
  snapshot(): Readonly<Record<LaneName, { running: number; queued: number }>>;
}

interface Lane {
  readonly name: LaneName;
  running: number;
  readonly line: FairLine<Waiter>;
}

interface Waiter {
  readonly atOnce: Entrant['atOnce'];
  admit(): void;
  refuse(reason: unknown): void;
}

/** What a refused client is asked to wait (gateway spec 2.2 [FIX]). */
const retryAfterMs = 1_000;

/** @param settings those in force: a changed number of seats holds for whoever waits, not only for who comes next */
export function createAdmission({ clock, settings }: { clock: Clock; settings: () => Settings }): Admission {
  const lanes = Object.fromEntries(
    Object.keys(laneList).map((name) => [name, { name, running: 0, line: createFairLine<Waiter>() }]),
  ) as Record<LaneName, Lane>;
  /** Running requests by the limit that counts them. */
  const running = new Map<string, number>();

  const isFree = ({ id, maximum }: AtOnceLimit) => (running.get(id) ?? 0) < maximum;
  const mayRun = ({ atOnce }: Pick<Waiter, 'atOnce'>) => atOnce().every(isFree);
  const hasSeat = ({ name, running: taken }: Lane) => taken < settings()[`admission.${name}.seats`];

  function take(lane: Lane, atOnce: readonly AtOnceLimit[]): LeaveSeat {
    lane.running += 1;
    for (const { id } of atOnce) running.set(id, (running.get(id) ?? 0) + 1);
    let isTaken = true;
    return (settled) => {
      if (!isTaken) return;
      isTaken = false;
      lane.running -= 1;
      admitWaiting(lane);
      if (atOnce.length === 0) return;
      if (settled) void settled.then(() => leavePlaces(atOnce));
      else leavePlaces(atOnce);
    };
  }

  function leavePlaces(atOnce: readonly AtOnceLimit[]): void {
    for (const { id } of atOnce) {
      const left = (running.get(id) ?? 0) - 1;
      if (left > 0) running.set(id, left);
      else running.delete(id);
    }
    reconsider();
  }

  /** Whoever waits for a place may do so in any lane. */
  function reconsider(): void {
    for (const lane of Object.values(lanes)) admitWaiting(lane);
  }

  function admitWaiting(lane: Lane): void {
    while (hasSeat(lane)) {
      const next = lane.line.next(mayRun);
      if (!next) return;
      next.admit();
    }
  }

  function refusalOf(atOnce: readonly AtOnceLimit[]): GatewayError {
    const full = atOnce.find((limit) => !isFree(limit));
    if (!full) return new GatewayError('server_is_overloaded', { retryAfterMs });
    const { id, maximum, model } = full;
    const now = clock.now();
    const used = running.get(id) ?? 0;
    const freeAt = maximum > 0 ? now : null;
    return overLimit({ unit: 'concurrency', window: 'now', model, maximum, used, attempted: 1, freeAt }, now);
  }

  function makeRoom(lane: Lane, { owner, atOnce }: Entrant): void {
    if (lane.line.size < settings()[`admission.${lane.name}.queue`]) return;
    const leaver = lane.line.giveWay(owner);
    if (!leaver) throw refusalOf(atOnce());
    leaver.refuse(refusalOf(leaver.atOnce()));
  }

  async function enter(name: LaneName, entrant: Entrant): Promise<LeaveSeat> {
    const { owner, atOnce, signal } = entrant;
    signal.throwIfAborted();
    const lane = lanes[name];
    admitWaiting(lane);
    if (hasSeat(lane) && mayRun(entrant)) return take(lane, atOnce());
    if (atOnce().some(({ maximum }) => maximum === 0)) throw refusalOf(atOnce());
    makeRoom(lane, entrant);
    return new Promise<LeaveSeat>((resolve, reject) => {
      const finish = () => {
        timer.stop();
        signal.removeEventListener('abort', leave);
      };
      const waiter: Waiter = {
        atOnce,
        admit() {
          finish();
          resolve(take(lane, atOnce()));
        },
        refuse(reason) {
          finish();
          reject(reason);
        },
      };
      const giveUp = (reason: unknown) => {
        if (lane.line.leave(owner, waiter)) waiter.refuse(reason);
      };
      const leave = () => giveUp(signal.reason);
      const timer = clock.timer(settings()[`admission.${name}.wait_ms`], () => giveUp(refusalOf(atOnce())));
      signal.addEventListener('abort', leave, { once: true });
      lane.line.join(owner, waiter);
    });
  }

  return {
    enter,
    reconsider,
    snapshot: () =>
      Object.fromEntries(
        Object.values(lanes).map((lane) => [lane.name, { running: lane.running, queued: lane.line.size }]),
      ) as ReturnType<Admission['snapshot']>,
  };
}
