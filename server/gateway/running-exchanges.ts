/** The exchanges that are running now, so that a stopping gateway can let them finish and then end the rest. */
import { GatewayError } from '../contract/gateway-error.ts';
import type { Clock } from '../world/world.ts';

export interface RunningExchange {
  /** Aborts when the client leaves or the gateway will not wait longer. */
  readonly signal: AbortSignal;
  clientLeft(): void;
  /** The exchange is over, settled and all. */
  done(): void;
}

export interface RunningExchanges {
  /** @throws {GatewayError} `gateway_stopping` once stopping began. */
  begin(): RunningExchange;
  readonly size: number;
  /** Takes no more work, waits for what runs, and ends what is left after the limit. */
  stop(limitMs: number): Promise<void>;
  /** Ends what runs now. */
  end(): void;
}

/** Why a signal aborted: nobody is left to read the answer. */
export class ClientLeft extends Error {
  constructor() {
    super('the client left');
    this.name = 'ClientLeft';
  }
}

export function createRunningExchanges({ clock }: { clock: Clock }): RunningExchanges {
  const running = new Set<AbortController>();
  const waiters: (() => void)[] = [];
  let isStopping = false;

  function begin(): RunningExchange {
    if (isStopping) throw new GatewayError('gateway_stopping', { retryAfterMs: 2_000 });
    const controller = new AbortController();
    running.add(controller);
    return {
      signal: controller.signal,
      clientLeft: () => controller.abort(new ClientLeft()),
      done() {
        running.delete(controller);
        if (running.size === 0) for (const go of waiters.splice(0)) go();
      },
    };
  }

  const empty = () => (running.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => waiters.push(resolve)));

  function end(): void {
    for (const controller of running) controller.abort(new GatewayError('gateway_stopping'));
  }

  async function stop(limitMs: number): Promise<void> {
    isStopping = true;
    const timer = clock.timer(limitMs, end);
    await empty();
    timer.stop();
  }

  return {
    begin,
    stop,
    end,
    get size() {
      return running.size;
    },
  };
}
