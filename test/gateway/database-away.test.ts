/**
 * A database that goes away, comes back, or does not answer. What a client got is accounted as what it was, what nobody
 * knows is accounted as an estimate, neither twice, and nobody waits longer than an answer may take to begin.
 */
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../server/database/connect.ts';
import { livingProcesses } from '../../server/database/advisory-lock.ts';
import { breakableLink, type BreakableLink } from '../support/breakable-link.ts';
import { typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, requestIds, settledRow, soundBooks } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { quietLog } from '../support/quiet-log.ts';
import { openCodex, requestIdOf, type RawAnswer, type RawCall } from '../support/raw-codex.ts';

describe('a database that goes away in the middle of streams', () => {
  const providerClock = createHandMovedClock();
  let installation: Installation;
  let link: BreakableLink;
  let gateway: GatewayUnderTest;
  let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
  let key: string;
  let limitMs = 90_000;

  beforeAll(async () => {
    installation = await oneInstallation({ sandboxClock: providerClock });
    link = await breakableLink(installation.database.url);
    gateway = await installation.open({ env: { DATABASE_URL: link.url } });
    anna = await gateway.link('anna', { percentPerAnswer: 0 });
    key = await gateway.key();
  });
  afterAll(async () => {
    await installation.stop();
    await link.stop();
  });

  /** A time in which an answer must begin that no other wait has, so that the clock tells when a request waits. */
  async function aLimit(): Promise<number> {
    limitMs += 1;
    await gateway.change({ 'gateway.precommit_timeout_ms': limitMs });
    return limitMs;
  }

  async function streams(count: number): Promise<RawCall[]> {
    anna.always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
    const calls = Array.from({ length: count }, () => openCodex(gateway, key));
    await Promise.all(calls.map((call) => call.until((received) => received.includes('response.output_item.added'))));
    return calls;
  }

  it('is not noticed by their clients, and loses nothing of what they used', async () => {
    const calls = await streams(10);
    await link.cut();
    providerClock.advance(1_000);
    const answers = await Promise.all(calls.map((call) => call.answer));
    for (const answer of answers) expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
    await gateway.logged('settlement_waits_for_database');
    expect(await faultsInBooks(installation.database.db)).toMatchObject({ open: 10 });

    await link.mend();
    for (const answer of answers) {
      gateway.clock.advance(5_000);
      expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({
        status: 'succeeded',
        usageStatus: 'usage_known',
      });
    }
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('refuses new requests with a wait meanwhile, spends nothing for them, and serves when it is back', async () => {
    anna.forgetScript();
    const known = await requestIds(gateway);
    const served = anna.counters.requests;
    await link.cut();
    for (let round = 0; round < 3; round += 1) {
      const answer = await openCodex(gateway, key).answer;
      expect(answer.status).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(JSON.parse(answer.body.toString('utf8'))).toMatchObject({ error: { code: 'database_unavailable' } });
    }
    expect(anna.counters.requests).toBe(served);
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);

    await link.mend();
    const answer = await openCodex(gateway, key).answer;
    expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
    await settledRow(gateway, requestIdOf(answer));
    expect([...(await requestIds(gateway))].filter((id) => !known.has(id))).toEqual([requestIdOf(answer)]);
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('stores what leads back to its account as soon as it is back', async () => {
    const { db } = installation.database;
    const stored = async () =>
      (await db.selectFrom('continuityAnchors').select('hash').where('kind', '=', 'response').execute()).length;
    const [call] = await streams(1);
    await link.cut();
    const before = await stored();
    providerClock.advance(1_000);
    await call?.answer;
    // Saving is tried every second, and at once for what a conversation needs.
    gateway.clock.advance(1_000);
    await gateway.logged('anchors_wait_for_database');
    expect(await stored()).toBe(before);
    const saved = gateway.log.filter(({ event }) => event === 'anchors_saved').length;
    await link.mend();
    gateway.clock.advance(1_000);
    await gateway.logged('anchors_saved', saved + 1);
    // With what was not stored yet of the answers before it.
    expect(await stored()).toBeGreaterThan(before);
    await settledRow(gateway, requestIdOf((await call?.answer)!));
  });

  it('fails the statement that a connection was in use for, and nothing beside it', async () => {
    const database = connectDatabase({ url: link.url, poolSize: 1, log: quietLog });
    // An error that nobody hears would end this process, and the run with it.
    await database.db.connection().execute(async (held) => {
      await sql`select 1`.execute(held);
      await link.cut();
      await expect(sql`select 1`.execute(held)).rejects.toThrow();
    });
    await link.mend();
    await sql`select 1`.execute(database.db);
    await database.stop();
  });

  it('lets others close its requests, and tells them what really happened when it is back', async () => {
    const [call] = await streams(1);
    if (!call) throw new Error('no stream');
    const { database } = installation;
    await link.cut();
    while ((await livingProcesses(database.db)).length > 0);
    const other = await installation.open();
    await other.logged('requests_of_ended_process_closed');
    const [closed] = await openOrClosedByOthers();
    expect(closed).toMatchObject({ status: 'failed', errorCode: 'process_ended', usageStatus: 'usage_unknown' });

    const before = Number(await knownTokens());
    providerClock.advance(1_000);
    const answer = await call.answer;
    expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
    await link.mend();
    const corrected = gateway.logged('settlement_corrected');
    const waiting = setInterval(() => gateway.clock.advance(5_000), 50);
    await corrected.finally(() => clearInterval(waiting));
    expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({
      id: closed?.id,
      status: 'succeeded',
      errorCode: null,
      usageStatus: 'usage_known',
    });
    expect(Number(await knownTokens()) - before).toBe(107);
    expect(await faultsInBooks(database.db)).toEqual(soundBooks);
    await other.stop();
  });

  function openOrClosedByOthers() {
    const requests = installation.database.db.selectFrom('requests').selectAll();
    return requests.where('errorCode', '=', 'process_ended').execute();
  }

  async function knownTokens() {
    const { rows } = await installation.database.pool.query<{ tokens: string }>(
      'select coalesce(sum(total_tokens), 0)::text as tokens from usage_hours',
    );
    return rows[0]?.tokens;
  }

  it.each([1_000, 30_000, 60_000])('and is silent for %i ms only delays the answer', async (ms) => {
    anna.forgetScript();
    const limitMs = await aLimit();
    const noticed = link.stall();
    const call = openCodex(gateway, key);
    await Promise.all([noticed, installation.clock.timersOf(limitMs, 1)]);
    gateway.clock.advance(ms);
    link.resume();
    const answer = await call.answer;
    expect(typesOf(answer.body.toString('utf8')).at(-1)).toBe('response.completed');
    await settledRow(gateway, requestIdOf(answer));
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('and is silent for longer than an answer may take to begin holds nobody, and nothing stays reserved', async () => {
    anna.forgetScript();
    // A conversation that is remembered waits for its reservation, another one for what is stored of it.
    const remembered = { thread: 'remembered' };
    await settledRow(gateway, requestIdOf(await openCodex(gateway, key, remembered).answer));
    const served = anna.counters.requests;
    const limitMs = await aLimit();
    const noticed = link.stall();
    const [waits, leaves] = [openCodex(gateway, key, remembered), openCodex(gateway, key, remembered)];
    const asks = openCodex(gateway, key, { thread: 'unknown' });
    await Promise.all([noticed, installation.clock.timersOf(limitMs, 3)]);
    // Their time runs from their beginning: a turn of the loop later they have come as far as the database.
    await new Promise((resolve) => setImmediate(resolve));
    leaves.leave();
    const left = await requestThatLeft();
    gateway.clock.advance(limitMs);
    const answer = await waits.answer;
    for (const refused of [answer, await asks.answer]) {
      expect(refused.status).toBe(503);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect(JSON.parse(refused.body.toString('utf8'))).toMatchObject({ error: { code: 'database_unavailable' } });
    }
    expect(anna.counters.requests).toBe(served);

    link.resume();
    expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({
      status: 'failed',
      usageStatus: 'not_applicable',
      errorCode: 'database_unavailable',
    });
    expect(await settledRow(gateway, left)).toMatchObject({ status: 'cancelled', usageStatus: 'not_applicable' });
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  /** The id of the one request here whose client left before its answer, once the gateway knows. */
  async function requestThatLeft(): Promise<string> {
    for (let nth = 1; ; nth += 1) {
      const { facts } = await gateway.logged('request', nth);
      if (facts['status'] === 499) return String(facts['requestId']);
    }
  }

  it('restarts under load: every client gets its whole answer or is told to wait', async () => {
    anna.forgetScript();
    const answers: RawAnswer[] = [];
    const client = async (name: number) => {
      for (let turn = 0; turn < 4; turn += 1) {
        const answer = await openCodex(gateway, key, { thread: `client-${name}-${turn}` }).answer;
        answers.push(answer);
        if (answers.length === 8) await link.cut().then(() => link.mend());
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_each, name) => client(name)));
    for (const answer of answers) {
      const text = answer.body.toString('utf8');
      if (answer.status === 200) expect(typesOf(text).at(-1)).toBe('response.completed');
      else expect(JSON.parse(text)).toMatchObject({ error: { code: 'database_unavailable' } });
    }
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    const waiting = setInterval(() => gateway.clock.advance(5_000), 50);
    for (const answer of answers)
      if (answer.status === 200)
        expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({ usageStatus: 'usage_known' });
    for (const id of await requestIds(gateway)) await settledRow(gateway, id);
    clearInterval(waiting);
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  });

  it('and does not come back before the stop leaves the rest to the next start', async () => {
    const calls = await streams(4);
    await link.cut();
    providerClock.advance(1_000);
    await Promise.all(calls.map((call) => call.answer));
    const stopped = gateway.app.stop();
    // Its last records are waited for, but not for ever.
    const waiting = setInterval(() => gateway.clock.advance(10_000), 50);
    await stopped.finally(() => clearInterval(waiting));
    expect(await faultsInBooks(installation.database.db)).toMatchObject({ open: 4 });

    await link.mend();
    const next = await installation.open();
    expect(next.log.find(({ event }) => event === 'requests_of_ended_process_closed')?.facts).toEqual({ count: 4 });
    expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
    const rows = await installation.database.db
      .selectFrom('requests')
      .select(['status', 'errorCode', 'usageStatus'])
      .where('errorCode', '=', 'process_ended')
      .execute();
    expect(rows).toEqual(
      Array.from({ length: 4 }, () => ({ status: 'failed', errorCode: 'process_ended', usageStatus: 'usage_unknown' })),
    );
  });
});
