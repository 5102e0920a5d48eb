/**
 * Tells a machine without a network from accounts that fail. When nobody can be reached, no account is to blame:
 * failures must not count against any, and calls would only wait, so one at a time looks whether the network is back.
 */
import type { Clock } from '../world/world.ts';

/** An account that is not called now because nobody can be reached. */
export interface OutageBlock {
  readonly reason: 'network_down';
  /** When the next call may look, in monotonic milliseconds. */
  readonly untilMs: number;
}

export interface OutageWatch {
  /**
   * Takes the right to call this account, or says why not. During an outage an account that was not found unreachable
   * yet is always called: it may be the way out, and then there was no outage.
   */
  begin(accountId: string): OutageBlock | null;
  /** What {@link OutageWatch.begin} would say at `nowMs`; changes nothing. */
  blocked(accountId: string, nowMs: number): OutageBlock | null;
  /** The provider answered a call of any account, with whatever status: the network works. */
  reached(): void;
  /** A call failed before a connection stood: name, route or TLS. */
  connectFailed(accountId: string): void;
  /** Nobody can be reached at `nowMs`: failures say nothing about accounts. */
  isDown(nowMs: number): boolean;
  /** For the System page. Instants are monotonic milliseconds; `sinceMs` is null while the network works. */
  snapshot(): { readonly sinceMs: number | null; readonly nextLookMs: number | null };
}

export interface OutageWatchOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /**
   * Nobody can be reached, and nobody answered since `sinceMs`: every failure noted since then was of the network.
   */
  readonly onDown: (sinceMs: number) => void;
  /** Somebody answered again. */
  readonly onUp: () => void;
}

/** One failed connection may be chance; a second without any answer between them is the network. */
const failuresThatTell = 2;
/** How often one call looks whether the network is back. */
export const lookEveryMs = 3_000;
/**
 * A run of failures ends when nobody called for so long. As long as the window of the circuits, so that three failures
 * which could open one are always one run.
 */
export const runMs = 5 * 60_000;

export function createOutageWatch({ clock, onDown, onUp }: OutageWatchOptions): OutageWatch {
  /** Accounts that could not be reached since anybody answered. */
  const unreachable = new Set<string>();
  let failures = 0;
  let lastFailureMs = Number.NEGATIVE_INFINITY;
  let reachedMs = Number.NEGATIVE_INFINITY;
  let downSinceMs: number | null = null;
  let nextLookMs = Number.NEGATIVE_INFINITY;

  const isDown = (nowMs: number): boolean => downSinceMs !== null && nowMs < lastFailureMs + runMs;

  function blocked(accountId: string, nowMs: number): OutageBlock | null {
    if (!isDown(nowMs) || !unreachable.has(accountId) || nowMs >= nextLookMs) return null;
    return { reason: 'network_down', untilMs: nextLookMs };
  }

  function endRun(): void {
    unreachable.clear();
    failures = 0;
    downSinceMs = null;
  }

  return {
    blocked,
    isDown,

    begin(accountId) {
      const nowMs = clock.monotonicMs();
      const block = blocked(accountId, nowMs);
      if (!block && isDown(nowMs)) nextLookMs = nowMs + lookEveryMs;
      return block;
    },

    reached() {
      reachedMs = clock.monotonicMs();
      if (failures === 0) return;
      const wasDown = downSinceMs !== null;
      endRun();
      if (wasDown) onUp();
    },

    connectFailed(accountId) {
      const nowMs = clock.monotonicMs();
      if (nowMs >= lastFailureMs + runMs) endRun();
      unreachable.add(accountId);
      failures += 1;
      lastFailureMs = nowMs;
      if (failures < failuresThatTell) return;
      nextLookMs = Math.max(nextLookMs, nowMs + lookEveryMs);
      if (downSinceMs !== null) return;
      downSinceMs = nowMs;
      onDown(reachedMs);
    },

    snapshot() {
      const isDownNow = isDown(clock.monotonicMs());
      return { sinceMs: isDownNow ? downSinceMs : null, nextLookMs: isDownNow ? nextLookMs : null };
    },
  };
}
