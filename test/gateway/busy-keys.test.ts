/** What one busy key costs the others, and itself: nothing stands in line behind it but its own limits. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { limits } from '../../server/contract/limits.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, settledRow, soundBooks } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, requestIdOf } from '../support/raw-codex.ts';

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let busy: string;
let neighbour: string;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await installation.open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  busy = await gateway.key({ name: 'busy' });
  neighbour = await gateway.key({ name: 'neighbour' });
  await gateway.call(limits.set, { key: 'busy', unit: 'requests', window: 'day', model: null, maximum: 1_000 });
});
afterAll(() => installation.stop());
afterEach(() => anna.forgetScript());

/** Where the reservations of this key are looked at, as another process would be doing it just now. */
async function holdLimitsOf(name: string) {
  const { keys } = await gateway.call(apiKeys.list, {});
  const session = await installation.database.pool.connect();
  await session.query('begin');
  await session.query('select pg_advisory_xact_lock(7340003, hashtext($1))', [
    keys.find((key) => key.name === name)?.id,
  ]);
  return {
    /** Resolves when somebody waits for it. */
    async waitedFor() {
      const waiting = `select from pg_locks where locktype = 'advisory' and not granted`;
      while ((await session.query(waiting)).rowCount === 0);
    },
    async release() {
      await session.query('commit');
      session.release();
    },
  };
}

describe('twenty requests of one key', () => {
  it('are with the provider all at once, limits or not, and none waits for the end of another', async () => {
    anna.always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
    for (const key of [busy, neighbour]) {
      const calls = Array.from({ length: 20 }, (_, nth) => openCodex(gateway, key, { thread: `at-once-${nth}` }));
      await Promise.all(calls.map((call) => call.until((text) => text.includes('response.output_item.added'))));
      providerClock.advance(1_000);
      for (const call of calls) {
        const answer = await call.answer;
        expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
        await settledRow(gateway, requestIdOf(answer));
      }
    }
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });
});

describe('a key whose limits are being looked at elsewhere', () => {
  it('waits for that, and no key without limits waits with it', async () => {
    const held = await holdLimitsOf('busy');
    const waits = openCodex(gateway, busy);
    await held.waitedFor();
    const others = await Promise.all(
      Array.from({ length: 5 }, (_, nth) => askCodex(gateway, neighbour, { thread: `meanwhile-${nth}` })),
    );
    for (const other of others) expect(typesOf(await other.text()).at(-1)).toBe('response.completed');
    expect(waits.received()).toHaveLength(0);
    await held.release();
    expect((await waits.answer).status).toBe(200);
  });
});
