/**
 * Asks again and again whether the other side of a connection is still there. A connection that was cut without a
 * goodbye looks like one on which nothing is said, for hours.
 */

export interface PulseOptions {
  /** Between two pings; an answer must have come by the next. */
  readonly everyMs: number;
  /** So many pings in a row without an answer mean that nobody is there; 1 when absent. */
  readonly maxMissed?: number;
  /** Calls `fire` once after `ms`, unless stopped; `restart` starts the full wait again. */
  readonly timer: (ms: number, fire: () => void) => { restart(): void; stop(): void };
  /** Sends a ping; no two payloads are the same. */
  readonly ping: (payload: Buffer) => void;
  /** While true no answer can be expected, and none is missed. */
  readonly isExcused: () => boolean;
  /** Called once, and the pulse has stopped. */
  readonly onSilent: () => void;
}

export interface Pulse {
  /** A pong came; only that of the last ping counts. */
  answered(payload: Buffer): void;
  /** Anything else came: somebody is there. */
  heard(): void;
  /** Asks at once; no answer within this time is silence, however many may be missed otherwise. */
  check(withinMs: number): void;
  stop(): void;
}

/** @example const pulse = createPulse({ everyMs: 30_000, timer, ping, isExcused: () => false, onSilent: () => socket.terminate() }) */
export function createPulse({ everyMs, maxMissed = 1, timer, ping, isExcused, onSilent }: PulseOptions): Pulse {
  let count = 0;
  let awaited: string | null = null;
  let missed = 0;
  let urgent: { stop(): void } | null = null;
  let isStopped = false;

  const beat = timer(everyMs, () => {
    if (isExcused()) heard();
    else if (isMissing()) return end();
    else send();
    beat.restart();
  });

  function send(): void {
    count += 1;
    awaited = String(count);
    ping(Buffer.from(awaited));
  }

  function isMissing(): boolean {
    if (awaited !== null) missed += 1;
    return missed >= maxMissed;
  }

  function heard(): void {
    awaited = null;
    missed = 0;
    urgent?.stop();
  }

  function stop(): void {
    isStopped = true;
    beat.stop();
    urgent?.stop();
  }

  function end(): void {
    stop();
    onSilent();
  }

  return {
    answered(payload) {
      if (payload.toString('latin1') === awaited) heard();
    },
    heard,
    check(withinMs) {
      if (isStopped) return;
      send();
      // Else a beat that is due in this moment, as after a sleep, would take this ping for one that was missed.
      beat.restart();
      urgent?.stop();
      urgent = timer(withinMs, () => {
        if (awaited !== null && !isExcused()) end();
      });
    },
    stop,
  };
}
