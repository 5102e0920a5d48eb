/**
 * Seats and queues per route class. A request takes a seat before any work and keeps it until its last byte; when all
 * seats are taken it waits in line, when the line is full it is told at once (gateway spec 2.2).
 */
import { GatewayError } from '../contract/gateway-error.ts';
import type { Settings } from '../contract/settings.ts';
import type { RouteClass } from '../contract/vocabulary.ts';
import type { Clock } from '../world/world.ts';

/** Gives the seat back. Idempotent. */
export type LeaveSeat = () => void;

export interface Admission {
  /**
   * @throws {GatewayError} `server_is_overloaded` when the queue is full or the wait too long.
   * @throws the signal's reason when the client leaves while waiting.
   */
  enter(routeClass: RouteClass, options: { settings: Settings; signal: AbortSignal }): Promise<LeaveSeat>;
  snapshot(): Readonly<Record<RouteClass, { running: number; queued: number }>>;
}

interface Lane {
  running: number;
  /** How many may run, as the newest request has it: settings may change while others wait. */
  seats: number;
  readonly queue: Waiter[];
}

interface Waiter {
  admit(): void;
}

/** What a refused client is asked to wait (gateway spec 2.2 [FIX]). */
const retryAfterMs = 1_000;

export function createAdmission({ clock }: { clock: Clock }): Admission {
  const lanes: Record<RouteClass, Lane> = {
    proxy_http: { running: 0, seats: 0, queue: [] },
    proxy_stream: { running: 0, seats: 0, queue: [] },
    proxy_compact: { running: 0, seats: 0, queue: [] },
  };

  function take(lane: Lane): LeaveSeat {
    lane.running += 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      lane.running -= 1;
      admitWaiting(lane);
    };
  }

  function admitWaiting(lane: Lane): void {
    while (lane.running < lane.seats && lane.queue.length > 0) lane.queue.shift()?.admit();
  }

  async function enter(
    routeClass: RouteClass,
    { settings, signal }: { settings: Settings; signal: AbortSignal },
  ): Promise<LeaveSeat> {
    signal.throwIfAborted();
    const lane = lanes[routeClass];
    lane.seats = settings[`admission.${routeClass}.seats`];
    admitWaiting(lane);
    if (lane.running < lane.seats) return take(lane);
    if (lane.queue.length >= settings[`admission.${routeClass}.queue`]) throw overloaded();
    return new Promise<LeaveSeat>((resolve, reject) => {
      const finish = () => {
        timer.stop();
        signal.removeEventListener('abort', leave);
      };
      const waiter: Waiter = {
        admit() {
          finish();
          resolve(take(lane));
        },
      };
      const giveUp = (reason: unknown) => {
        finish();
        lane.queue.splice(lane.queue.indexOf(waiter), 1);
        reject(reason);
      };
      const leave = () => giveUp(signal.reason);
      const timer = clock.timer(settings['admission.queue_wait_ms'], () => giveUp(overloaded()));
      signal.addEventListener('abort', leave, { once: true });
      lane.queue.push(waiter);
    });
  }

  const counts = (lane: Lane) => ({ running: lane.running, queued: lane.queue.length });
  return {
    enter,
    snapshot: () => ({
      proxy_http: counts(lanes.proxy_http),
      proxy_stream: counts(lanes.proxy_stream),
      proxy_compact: counts(lanes.proxy_compact),
    }),
  };
}

function overloaded(): GatewayError {
  return new GatewayError('server_is_overloaded', { retryAfterMs });
}
