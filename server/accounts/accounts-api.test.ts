import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  accountRooms,
  createTestClock,
  freshAccounts,
  type AccountRooms,
  type TestClock,
} from '../../test/support/accounts.ts';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { accounts } from '../contract/accounts.ts';
import { splitCatalog } from '../catalog/split-catalog.ts';
import type { SandboxAccount } from '../sandbox/account.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import { loadQuotaReadings, saveQuotaReadings } from './quota-store.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

let database: TestDatabase;
let sandbox: Sandbox;
let clock: TestClock;
let rooms: AccountRooms;
let anna: SandboxAccount;

beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.stop());
beforeEach(async () => {
  await freshAccounts(database);
  clock = createTestClock();
  sandbox = await createSandbox({ clock });
  rooms = accountRooms({ database, url: sandbox.url, clock });
  anna = sandbox.account('anna');
});
afterEach(async () => {
  await rooms.stop();
  await sandbox.stop();
});

/** As the admin API does: input parsed before, output parsed after. */
const importFile = async (authJson: string, over: Record<string, unknown> = {}) =>
  accounts.import.output.parse(await rooms.api.import(accounts.import.input.parse({ authJson, ...over })));
const list = async () => accounts.list.output.parse(await rooms.api.list({})).accounts;
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: { code?: string }) => error.code,
  );
const requestsTo = (path: string) => sandbox.requests.filter((request) => request.path === path);

describe('importing an auth.json', () => {
  it('links the account, reads its limits and models in the same call, and it can serve at once', async () => {
    anna.answers({ behaviour: 'A9', kind: 'weekly_only' });
    const { account, wasKnown, quotaReading, modelsReading } = await importFile(anna.authJson());
    expect([wasKnown, quotaReading, modelsReading]).toEqual([
      false,
      { ok: true, problem: null },
      { ok: true, problem: null },
    ]);
    expect(account).toMatchObject({
      label: 'anna@sandbox.example',
      email: 'anna@sandbox.example',
      plan: 'pro',
      status: 'active',
      pools: ['default'],
    });
    expect(account.quota.map(({ meter, windowMinutes, usedPercent }) => [meter, windowMinutes, usedPercent])).toEqual([
      ['codex', 10_080, 22],
    ]);
    expect(account.models).toContain('gpt-6-luna');
    expect(account.accessTokenExpiresAt!.getTime() - clock.now().getTime()).toBeGreaterThan(9 * day);
    const [facts] = rooms.book.all();
    expect(facts).toMatchObject({ chatgptAccountId: anna.id, credentialEpoch: 1 });
    expect(facts!.models?.has('gpt-6-luna')).toBe(true);
    expect(rooms.book.inPool(facts!.poolIds[0]!)).toEqual([facts]);
  });

  it('keeps the model list byte for byte and its ETag', async () => {
    await importFile(anna.authJson());
    const response = await fetch(`${sandbox.url}/backend-api/codex/models?client_version=0.169.0`, {
      headers: { authorization: `Bearer ${anna.signIn().accessToken}`, 'chatgpt-account-id': anna.id },
    });
    const sent = Buffer.from(await response.arrayBuffer());
    const stored = await database.db.selectFrom('accountCatalogs').selectAll().executeTakeFirstOrThrow();
    expect(stored.body.equals(sent)).toBe(true);
    const union = rooms.catalog.unionOf(rooms.book.all().map(({ id }) => id));
    expect([union.etag, union.isOneCatalog]).toEqual([response.headers.get('etag'), true]);
    expect(union.entries.map(({ bytes }) => bytes.toString())).toEqual(
      splitCatalog(sent).map(({ bytes }) => bytes.toString()),
    );
  });

  it('stores no token in the clear', async () => {
    const file = anna.authJson();
    await importFile(file);
    const { access_token: access, refresh_token: refresh } = (JSON.parse(file) as { tokens: Record<string, string> })
      .tokens;
    const { rows } = await database.pool.query(
      'select row_to_json(a)::text || row_to_json(s)::text as text, s.ciphertext from accounts a join account_secrets s on s.account_id = a.id',
    );
    expect(rows).toHaveLength(2);
    for (const stored of rows as { text: string; ciphertext: Buffer }[]) {
      for (const token of [access!, refresh!]) {
        expect(stored.text).not.toContain(token);
        expect(stored.ciphertext.includes(token)).toBe(false);
      }
    }
    expect(JSON.stringify(rooms.log.events)).not.toContain(refresh);
    expect(JSON.stringify(await list())).not.toContain(refresh);
  });

  it('with an expired access token renews it first', async () => {
    const file = anna.authJson();
    clock.aheadMs = 11 * day;
    const { account, quotaReading } = await importFile(file);
    expect([quotaReading.ok, account.status, anna.counters.refreshes]).toEqual([true, 'active', 1]);
    expect(account.accessTokenExpiresAt! > clock.now()).toBe(true);
  });

  it('with a token that the provider refuses renews it once for both readings', async () => {
    const file = anna.authJson();
    anna.expireAccessTokens();
    const { quotaReading, modelsReading } = await importFile(file);
    expect([quotaReading.ok, modelsReading.ok, anna.counters.refreshes]).toEqual([true, true, 1]);
  });

  it('of a sign-in that is dead keeps the account and says that it must be signed in again', async () => {
    const file = anna.authJson();
    anna.expireAccessTokens();
    anna.answers({ behaviour: 'A3', kind: 'reused' });
    const { account, quotaReading, modelsReading } = await importFile(file);
    expect(account).toMatchObject({ status: 'reauth_required', statusReason: 'refresh_token_reused' });
    expect(quotaReading).toEqual({ ok: false, problem: expect.stringContaining('Sign in again') as string });
    expect(modelsReading.ok).toBe(false);
  });

  it('whose readings fail is an import all the same', async () => {
    anna.answers({ behaviour: 'A9', kind: 'html' }).thenAnswers({ behaviour: 'A11', kind: 'not_found' });
    const { account, quotaReading, modelsReading } = await importFile(anna.authJson());
    expect(account).toMatchObject({ status: 'active', quota: [], models: [], modelsFetchedAt: null });
    expect([quotaReading.ok, modelsReading]).toEqual([
      false,
      { ok: false, problem: 'The provider answered with status 404.' },
    ]);
    expect(rooms.book.all()[0]!.models).toBeNull();
  });

  it('does not wait for a provider that does not answer', async () => {
    clock.timerShare = 1 / 100;
    anna.answers({ behaviour: 'A9', kind: 'slow' });
    const { quotaReading } = await importFile(anna.authJson());
    expect(quotaReading).toEqual({ ok: false, problem: 'The provider did not answer in time.' });
  });

  it('keeps where the workspace wants its inference, if it is a place of the provider', async () => {
    anna.answers({ behaviour: 'A8', kind: 'override', override: 'us' });
    anna.answers({ behaviour: 'A8', kind: 'origin', origin: 'https://evil.example' });
    await importFile(anna.authJson());
    expect(rooms.book.all()[0]).toMatchObject({ backendOrigin: null, routingOverride: 'us' });
    expect(requestsTo('/backend-api/codex/models')[0]!.header('x-openai-account-routing-override')).toBe('us');
  });

  it('into a Pool that does not exist stores nothing', async () => {
    expect(await code(importFile(anna.authJson(), { pool: 'nowhere' }))).toBe('pool_not_found');
    expect(await list()).toEqual([]);
    expect(sandbox.requests).toEqual([]);
  });

  it('of something else is refused before anything is stored or asked', async () => {
    expect(await code(importFile('{"OPENAI_API_KEY":"sk-x"}'))).toBe('unsupported_auth_json');
    expect(await code(importFile('{}'))).toBe('invalid_auth_json');
    expect([await list(), sandbox.requests.length]).toEqual([[], 0]);
  });
});

describe('importing an account that is known', () => {
  it('replaces its tokens and brings it back when it had to be signed in again', async () => {
    const { account } = await importFile(anna.authJson(), { label: 'Work' });
    anna.answers({ behaviour: 'A3', kind: 'expired' });
    expect(await code(rooms.api.refresh({ account: 'Work' }))).toBe('account_signed_out');
    const again = await importFile(anna.authJson());
    expect(again).toMatchObject({
      wasKnown: true,
      account: { id: account.id, label: 'Work', status: 'active', statusReason: null },
    });
    expect((await rooms.keeper.credential(account.id)).epoch).toBe(2);
    expect(await list()).toHaveLength(1);
  });

  it('with a file older than the tokens we hold keeps ours, which the old ones would sign out', async () => {
    const file = anna.authJson();
    const { account } = await importFile(file);
    clock.aheadMs = minute;
    await rooms.api.refresh({ account: account.id });
    const again = await importFile(file, { label: 'Named later' });
    expect(again).toMatchObject({
      wasKnown: true,
      quotaReading: { ok: true },
      account: { status: 'active', label: 'Named later' },
    });
    expect(
      (await rooms.keeper.renew({ accountId: account.id, seenEpoch: 2, reason: 'unauthorized_recovery' })).kind,
    ).toBe('renewed');
  });

  it('ten times at once makes one account', async () => {
    const files = Array.from({ length: 10 }, () => anna.authJson());
    const results = await Promise.all(files.map((file) => importFile(file)));
    expect(results.filter(({ wasKnown }) => !wasKnown)).toHaveLength(1);
    expect(await list()).toHaveLength(1);
  });

  it('tells workspaces of one person apart, also by label', async () => {
    const home = sandbox.account('home', { userId: 'user-x', email: 'x@example.com', plan: 'plus' });
    const work = sandbox.account('work', { userId: 'user-x', email: 'x@example.com', plan: 'business' });
    const third = sandbox.account('third', { userId: 'user-y', email: 'x@example.com', plan: 'business' });
    for (const one of [home, work, third]) expect((await importFile(one.authJson())).wasKnown).toBe(false);
    const labels = (await list()).map(({ label }) => label);
    expect(labels).toEqual(['x@example.com', 'x@example.com (business)', `x@example.com (${third.id.slice(-6)})`]);
    expect(await code(rooms.api.remove({ account: 'nobody@example.com' }))).toBe('account_not_found');
    expect((await rooms.api.remove({ account: 'X@example.com' })).account.label).toBe('x@example.com');
    expect(await code(rooms.api.remove({ account: 'x@example.com' }))).toBe('conflict');
  });
});

describe('refreshing by hand', () => {
  it('renews the token, reads everything anew and shows it', async () => {
    const { account } = await importFile(anna.authJson());
    anna.windows([{ minutes: 300, usedPercent: 77 }]).models(['gpt-new']);
    clock.aheadMs = 3 * minute;
    const { account: shown } = await rooms.api.refresh({ account: 'anna@sandbox.example' });
    expect(anna.counters.refreshes).toBe(1);
    expect(shown).toMatchObject({ id: account.id, models: ['gpt-new'] });
    expect(shown.quota.find(({ windowMinutes }) => windowMinutes === 300)?.usedPercent).toBe(77);
  });

  it('says when it did not work, and the account goes on', async () => {
    await importFile(anna.authJson());
    anna.answers({ behaviour: 'A3', kind: 'server_error' });
    expect(await code(rooms.api.refresh({ account: 'anna@sandbox.example' }))).toBe('account_refresh_failed');
    expect((await list())[0]).toMatchObject({ status: 'refresh_failed', statusReason: 'refresh_http_500' });
  });
});

describe('removing', () => {
  it('erases secrets and memberships, keeps the row for the accounting, and lets the identity be linked anew', async () => {
    const { account } = await importFile(anna.authJson());
    expect(await rooms.api.remove({ account: account.id })).toEqual({
      account: { id: account.id, label: account.label },
    });
    expect([await list(), rooms.book.all()]).toEqual([[], []]);
    const counts = await database.pool.query(
      'select (select count(*) from account_secrets)::int as secrets, (select count(*) from pool_accounts)::int as memberships, (select count(*) from accounts)::int as accounts',
    );
    expect(counts.rows).toEqual([{ secrets: 0, memberships: 0, accounts: 1 }]);
    expect(await code(rooms.api.remove({ account: account.id }))).toBe('account_not_found');
    const again = await importFile(anna.authJson());
    expect([again.wasKnown, again.account.id === account.id]).toEqual([false, false]);
  });
});

describe('limits after a restart', () => {
  it('are those that were stored, and an older process does not overwrite newer ones', async () => {
    anna.answers({ behaviour: 'A9', kind: 'exhausted_primary' });
    const { account } = await importFile(anna.authJson());
    const stored = await loadQuotaReadings(database.db);
    const old = stored.map((entry) => ({
      ...entry,
      reading: { ...entry.reading, usedPercent: 1, observedAt: new Date(0) },
    }));
    await saveQuotaReadings(database.db, old);
    const reborn = accountRooms({ database, url: sandbox.url, clock });
    reborn.board.restore(await loadQuotaReadings(database.db), clock.now());
    const held = reborn.board.held(account.id);
    const verdict = reborn.board.look({ model: 'gpt-5.5', now: clock.now() }).unavailability(held);
    expect(verdict?.code).toBe('usage_limit_reached');
    const later = new Date(clock.now().getTime() + 61 * minute);
    expect(reborn.board.look({ model: null, now: later }).unavailability(held)).toBeNull();
    await reborn.stop();
  });
});
