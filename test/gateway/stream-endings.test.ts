/** How an answer ends decides what its request is recorded as, and no byte of an ending is given twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { memberships } from '../../server/contract/memberships.ts';
import { typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { annaAndBen, type Linked } from '../support/household.ts';
import { faultsInBooks, ledgerOf, settledRow, soundBooks } from '../support/ledger.ts';
import { quietPort } from '../support/quiet-port.ts';
import { openCodex, requestIdOf } from '../support/raw-codex.ts';
import { threadOf } from '../support/thread-of.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Linked;
let ben: Linked;

beforeAll(async () => {
  // So long that a slow machine commits to no answer that is about to fail.
  gateway = await gatewayUnderTest({ settings: { 'gateway.holdback_ms': 60_000 } });
  ({ anna, ben, key } = await annaAndBen(gateway));
});
afterAll(() => gateway.stop());
beforeEach(() => {
  for (const account of [anna, ben]) account.forgetScript();
  gateway.clock.advance(10 * 60_000);
});

async function ask(thread: string) {
  const answer = await openCodex(gateway, key, { thread }).answer;
  const text = answer.body.toString('utf8');
  return { answer, text, row: await settledRow(gateway, requestIdOf(answer)) };
}

const usage = { inputTokens: 40, cachedTokens: 4, outputTokens: 3 };

describe('an answer that ends', () => {
  it('in failure after something was shown is passed on, asks nobody else, and counts what it reported', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.answers({ behaviour: 'F6', code: 'server_error', deltas: 2, usage });
    const before = ben.counters.requests;
    const { text, row } = await ask(thread);
    expect(typesOf(text).at(-1)).toBe('response.failed');
    expect(ben.counters.requests).toBe(before);
    expect(row).toMatchObject({
      status: 'failed',
      errorCode: 'server_error',
      usageStatus: 'usage_known',
      attemptCount: 1,
    });
    expect((await ledgerOf(gateway.database.db, row.id)).find(({ event }) => event === 'settlement')).toMatchObject({
      inputTokens: 40,
      cachedTokens: 4,
      outputTokens: 3,
    });
  });

  it.each(['max_output_tokens', 'content_filter'] as const)('incomplete for %s has succeeded', async (reason) => {
    anna.always({ behaviour: 'F7', reason, usage });
    ben.always({ behaviour: 'F7', reason, usage });
    const { text, row } = await ask(`incomplete-${reason}`);
    expect(typesOf(text).at(-1)).toBe('response.incomplete');
    expect(row).toMatchObject({ status: 'succeeded', errorCode: null, usageStatus: 'usage_known' });
  });

  it.each(['reset', 'broken-chunk'] as const)('and whose connection breaks then by %s has succeeded', async (how) => {
    for (const account of [anna, ben]) account.always({ behaviour: 'F9', at: 'completed', how });
    const { text, row } = await ask(`broken-${how}`);
    expect(typesOf(text).at(-1)).toBe('response.completed');
    expect(row).toMatchObject({ status: 'succeeded', errorCode: null, usageStatus: 'usage_known' });
  });

  it("in the request's own failure before anything was shown gives each held byte once", async () => {
    for (const account of [anna, ben]) account.always({ behaviour: 'F6', code: 'context_length_exceeded' });
    const { text, row } = await ask('held');
    expect(typesOf(text)).toEqual(['response.created', 'codex.rate_limits', 'response.failed']);
    expect(row).toMatchObject({ status: 'failed', errorCode: 'context_length_exceeded', attemptCount: 1 });
  });

  it('in the same failure at every account is told once, and nothing that was held with it', async () => {
    for (const account of [anna, ben]) account.always({ behaviour: 'F6', code: 'server_error' });
    const { answer, text, row } = await ask('everywhere');
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(text).not.toContain('response.created');
    expect(JSON.parse(text)).toHaveProperty('error');
    expect(row).toMatchObject({ status: 'failed', attemptCount: 2, usageStatus: 'not_applicable' });
  });
});

describe('an account that cannot be reached', () => {
  it('gives way to another: two attempts, one reservation, one settlement', async () => {
    const { db } = gateway.database;
    const thread = await threadOf(gateway, key, 'anna');
    await reachAt(`http://127.0.0.1:${await quietPort()}`);
    const { text, row } = await ask(thread);
    expect(typesOf(text).at(-1)).toBe('response.completed');
    expect(row).toMatchObject({ status: 'succeeded', attemptCount: 2, accountId: ben.gatewayId });
    const attempts = await db
      .selectFrom('attempts')
      .selectAll()
      .where('requestId', '=', row.id)
      .orderBy('number')
      .execute();
    expect(attempts).toMatchObject([
      { accountId: anna.gatewayId, status: 'retryable_failed', errorCode: 'ECONNREFUSED', upstreamStatus: null },
      { accountId: ben.gatewayId, status: 'succeeded' },
    ]);
    expect((await ledgerOf(db, row.id)).map(({ event }) => event)).toEqual(['release', 'reservation', 'settlement']);
    await reachAt(null);
    expect(await faultsInBooks(db)).toEqual(soundBooks);
  });

  /** Where anna's backend is from now on, as this gateway knows it. */
  async function reachAt(backendOrigin: string | null): Promise<void> {
    const { db } = gateway.database;
    await db.updateTable('accounts').set({ backendOrigin }).where('id', '=', anna.gatewayId).execute();
    // Joining a Pool it is in already changes nothing, and reads the accounts again.
    await gateway.call(memberships.join, { account: 'anna', pool: 'default' });
  }
});
