/** Tokens are renewed once for all who want them, ahead of their end, and stay sealed. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { renewingForEach } from '../../test/support/renewing.ts';
import { createChangeFeed } from '../database/change-feed.ts';
import { renewDueTokens } from './refresh-ahead.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

const house = renewingForEach();
const { openRooms, renew, row, refreshCalls, works } = house;

describe('one refresher at a time', () => {
  it('ten parallel renewals cause one refresh, and all get the new token', async () => {
    house.anna.expireAccessTokens();
    const results = await Promise.all(Array.from({ length: 10 }, () => renew()));
    expect(house.anna.counters.refreshes).toBe(1);
    const credentials = results.map((result) => ('credential' in result ? result.credential : null));
    expect(new Set(credentials.map((credential) => credential?.accessToken)).size).toBe(1);
    expect(credentials[0]!.epoch).toBe(2);
    expect(await works(credentials[0]!.accessToken)).toBe(true);
  });

  it('fifty requests that find the token expired by the clock cause one refresh', async () => {
    house.clock.aheadMs = 11 * day;
    const credentials = await Promise.all(
      Array.from({ length: 50 }, () => house.rooms.keeper.credential(house.account.id)),
    );
    expect(house.anna.counters.refreshes).toBe(1);
    expect(new Set(credentials.map(({ epoch }) => epoch))).toEqual(new Set([2]));
  });

  it('a token that looks expired right after it was renewed shows a wrong clock, which no further refresh mends', async () => {
    const ben = house.sandbox.account('ben', { tokenLifeSeconds: 60 });
    const { account } = await house.rooms.api.import({ authJson: ben.authJson(), pool: 'default' });
    for (const aheadMs of [61_000, 122_000, 183_000]) {
      house.clock.aheadMs = aheadMs;
      await house.rooms.book.reload();
      expect((await house.rooms.keeper.credential(account.id)).epoch).toBe(2);
    }
    expect(ben.counters.refreshes).toBe(1);
  });

  it('two processes on one database cause one refresh, and the loser uses what the winner stored', async () => {
    const other = openRooms();
    await other.book.reload();
    const results = await Promise.all([renew(), renew({}, other), renew({}, other), renew()]);
    expect(house.anna.counters.refreshes).toBe(1);
    expect(new Set(results.map((result) => 'credential' in result && result.credential.epoch))).toEqual(new Set([2]));
    expect(results.map(({ kind }) => kind).toSorted()).toEqual([
      'already_renewed',
      'already_renewed',
      'already_renewed',
      'renewed',
    ]);
    await other.stop();
  });

  it('two real processes cause one refresh', async () => {
    const script = fileURLToPath(new URL('../../test/support/renew-in-process.ts', import.meta.url));
    const start = async (): Promise<ChildProcess> => {
      const child = fork(script, [house.database.url, house.sandbox.url, house.account.id, '1'], { execArgv: [] });
      await once(child, 'message');
      return child;
    };
    const children = await Promise.all([start(), start()]);
    const results = children.map((child) => once(child, 'message'));
    const ends = children.map((child) => once(child, 'exit'));
    for (const child of children) child.send('go');
    const answers = (await Promise.all(results)).map(([answer]) => answer as { kind: string; epoch: number });
    await Promise.all(ends);
    expect(house.anna.counters.refreshes).toBe(1);
    expect(answers.map(({ epoch }) => epoch)).toEqual([2, 2]);
    expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['already_renewed', 'renewed']);
  });

  it('a caller that saw an older token than the stored one is given the stored one without a call', async () => {
    await renew();
    const again = await renew({ seenEpoch: 1 });
    expect(again).toMatchObject({ kind: 'already_renewed', credential: { epoch: 2 } });
    expect(house.anna.counters.refreshes).toBe(1);
  });

  it('a credential that another process renewed is noticed with the next reading of the book', async () => {
    const other = openRooms();
    await other.book.reload();
    expect((await other.keeper.credential(house.account.id)).epoch).toBe(1);
    const { epoch } = await renew().then((result) => ('credential' in result ? result.credential : { epoch: 0 }));
    await other.book.reload();
    expect((await other.keeper.credential(house.account.id)).epoch).toBe(epoch);
    await other.stop();
  });

  it('a caller that leaves ends its own waiting, never the refresh', async () => {
    const leaving = new AbortController();
    const arrived = house.sandbox.nextRequest({ path: '/oauth/token' });
    const waiting = renew({ signal: leaving.signal });
    const staying = renew();
    await arrived;
    leaving.abort(new Error('client left'));
    await expect(waiting).rejects.toThrow('client left');
    expect((await staying).kind).toBe('already_renewed');
    expect((await row()).credentialEpoch).toBe(2);
  });
});

describe('what is asked and stored', () => {
  it('names the reason and ourselves, in JSON', async () => {
    await renew({ reason: 'proactive_expiry' });
    const call = refreshCalls()[0]!;
    expect(call.json()).toMatchObject({
      grant_type: 'refresh_token',
      client_id: 'app_EMoamEEZ73f0CkXaXp7hrann',
      refresh_reason: 'proactive_expiry',
    });
    expect([call.header('originator'), call.header('user-agent')]).toEqual(['codex_pooler', 'codex_pooler/0.0.0-test']);
  });

  it('commits the new tokens before anybody uses them, so they survive this process', async () => {
    const result = await renew();
    const reborn = openRooms();
    await reborn.book.reload();
    expect(await reborn.keeper.credential(house.account.id)).toEqual('credential' in result && result.credential);
    expect((await renew({ seenEpoch: 2 }, reborn)).kind).toBe('renewed');
    await reborn.stop();
  });

  it.each(['without_refresh_token', 'without_id_token', 'without_access_token'] as const)(
    'keeps the old token of an answer %s',
    async (kind) => {
      house.anna.answers({ behaviour: 'A2', kind });
      expect((await renew()).kind).toBe('renewed');
      expect((await renew({ seenEpoch: 2 })).kind).toBe('renewed');
      expect((await row()).status).toBe('active');
    },
  );

  it('takes expiry and plan from the new tokens', async () => {
    house.anna.changePlan('pro');
    house.clock.aheadMs = 3 * day;
    await renew();
    const after = await row();
    expect(after.plan).toBe('pro');
    expect(after.accessTokenExpiresAt!.getTime()).toBeGreaterThan(
      house.account.accessTokenExpiresAt!.getTime() + 2 * day,
    );
    expect(Math.abs(after.refreshedAt!.getTime() - house.clock.now().getTime())).toBeLessThan(minute);
  });
});

describe('refreshing ahead', () => {
  const renewDue = (signal: AbortSignal) =>
    renewDueTokens({ db: house.database.db, keeper: house.rooms.keeper, clock: house.clock }, signal);

  it('renews what is due, once, and leaves the rest alone', async () => {
    const ben = house.sandbox.account('ben', { tokenLifeSeconds: 3600 });
    await house.rooms.api.import({ authJson: ben.authJson(), pool: 'default' });
    const round = () => renewDue(new AbortController().signal);
    expect(await round()).toBe(0);
    expect([house.anna.counters.refreshes, ben.counters.refreshes]).toEqual([0, 0]);
    house.clock.aheadMs = 56 * minute;
    await Promise.all([round(), round()]);
    expect([house.anna.counters.refreshes, ben.counters.refreshes]).toEqual([0, 1]);
    expect(await round()).toBe(0);
    expect(ben.counters.refreshes).toBe(1);
  });

  it('begins nothing more when it is told to stop', async () => {
    house.clock.aheadMs = 9 * day;
    expect(await renewDue(AbortSignal.abort())).toBe(0);
    expect(house.anna.counters.refreshes).toBe(0);
  });
});

describe('stopping', () => {
  it('waits for a refresh that was sent and keeps its token, and starts no more', async () => {
    const arrived = house.sandbox.nextRequest({ path: '/oauth/token' });
    const refreshing = renew();
    await arrived;
    await house.rooms.keeper.stop();
    expect((await row()).credentialEpoch).toBe(2);
    expect((await refreshing).kind).toBe('renewed');
    expect(await renew({ seenEpoch: 2 })).toEqual({ kind: 'failed_for_now' });
  });
});

describe('the database', () => {
  it('that blinks while new tokens are stored does not lose them', async () => {
    await house.database.pool.query(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
      create trigger refuse before update on accounts for each row
        when (new.credential_epoch > old.credential_epoch) execute function refuse()`);
    const renewing = renew();
    await house.rooms.log.logged('account_tokens_not_stored');
    await house.database.pool.query('drop trigger refuse on accounts; drop function refuse');
    const result = await renewing;
    expect(result.kind).toBe('renewed');
    expect(house.anna.counters.refreshes).toBe(1);
    expect((await renew({ seenEpoch: 2 })).kind).toBe('renewed');
  });

  it('tells every process when an account changed', async () => {
    const feed = createChangeFeed({ address: { url: house.database.url }, clock: house.clock, log: house.rooms.log });
    await feed.start();
    const heard = Promise.withResolvers<void>();
    feed.subscribe('accounts', heard.resolve);
    house.anna.answers({ behaviour: 'A3', kind: 'server_error' });
    await renew();
    await heard.promise;
    await feed.stop();
  });
});

describe('secrets', () => {
  it('whose key version is missing are no reason to sign in again', async () => {
    await house.database.pool.query("update account_secrets set key_version = 'v9'");
    expect(await renew()).toEqual({ kind: 'failed_for_now' });
    expect(await row()).toMatchObject({ status: 'refresh_failed', statusReason: 'secret_key_version_unavailable' });
    expect(refreshCalls()).toHaveLength(0);
    const reborn = openRooms();
    await expect(reborn.keeper.credential(house.account.id)).rejects.toMatchObject({ keyVersion: 'v9' });
    await reborn.stop();
  });

  it('never stand in the log, whatever happens', async () => {
    for (const kind of ['answer_lost', 'reused', 'server_error'] as const) {
      house.anna.answers({ behaviour: 'A3', kind });
      await renew({ reason: 'manual' });
    }
    const secrets = await house.database.db.selectFrom('accountSecrets').selectAll().execute();
    const tokens = secrets.map(({ kind, accountId, ...sealed }) =>
      house.rooms.vault.open({ kind, ownerId: accountId, sealed }),
    );
    expect(tokens).toHaveLength(2);
    const text = JSON.stringify(house.rooms.log.events);
    for (const token of tokens) expect(text).not.toContain(token);
    expect(text).not.toMatch(/rt_|eyJ/);
  });
});
