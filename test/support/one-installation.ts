/** One database, one provider and one pair of root keys, and any number of gateways on them, at once or in turn. */
import { randomBytes } from 'node:crypto';
import { createMovableClock, type MovableClock } from '../../server/sandbox/movable-clock.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { systemClock } from '../../server/world/real-world.ts';
import type { Clock } from '../../server/world/world.ts';
import { testDatabase, type TestDatabase } from './database.ts';
import { gatewayUnderTest, type GatewayOptions, type GatewayUnderTest } from './gateway-under-test.ts';
import { createWatchedClock, type WatchedClock } from './watched-clock.ts';

export interface Installation {
  readonly database: TestDatabase;
  readonly sandbox: Sandbox;
  /** Of the gateways. */
  readonly clock: WatchedClock;
  /** Starts a gateway as a further process would. */
  open(options?: Omit<GatewayOptions, 'beside'>): Promise<GatewayUnderTest>;
  /** Stops every gateway that is left, then the rest. */
  stop(): Promise<void>;
}

/** @param options.sandboxClock - A clock of the provider's own; the gateways' clock when absent. */
export async function oneInstallation({ sandboxClock }: { sandboxClock?: Clock } = {}): Promise<Installation> {
  const clock = createWatchedClock(systemClock);
  const database = await testDatabase();
  const sandbox = await createSandbox({ clock: sandboxClock ?? clock });
  const keys = {
    CODEX_POOLER_UPSTREAM_SECRET_KEY: randomBytes(32).toString('base64'),
    CODEX_POOLER_TOTP_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  };
  const opened: GatewayUnderTest[] = [];
  return {
    database,
    sandbox,
    clock,
    async open(options = {}) {
      const gateway = await gatewayUnderTest({ ...options, beside: { database, sandbox, clock, keys } });
      opened.push(gateway);
      return gateway;
    },
    async stop() {
      await Promise.all(opened.map((gateway) => gateway.stop()));
      await sandbox.stop();
      await database.stop();
    },
  };
}

/** A clock that stands still until it is moved: what waits for it goes on only when the test says so. */
export function createHandMovedClock(): MovableClock {
  const start = new Date();
  return createMovableClock({
    now: () => start,
    monotonicMs: () => 0,
    sleep: () => new Promise(() => undefined),
    turn: () => systemClock.turn(),
    timer: () => ({ restart: () => undefined, stop: () => undefined }),
  });
}
