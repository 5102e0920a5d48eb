/** One refresh at a time across processes: the claim, its end, and results that come too late. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { renewing, type Renewing } from '../../test/support/renewing.ts';
import { claimRefresh, finishRenewed } from './refresh-store.ts';

let database: TestDatabase;
let clock: Renewing['clock'];
let sandbox: Renewing['sandbox'];
let rooms: Renewing['rooms'];
let anna: Renewing['anna'];
let account: Renewing['account'];
let renew: Renewing['renew'];
let row: Renewing['row'];
let refreshCalls: Renewing['refreshCalls'];
let works: Renewing['works'];
let stop: Renewing['stop'];

beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.stop());

beforeEach(async () => {
  ({ clock, sandbox, rooms, anna, account, renew, row, refreshCalls, works, stop } = await renewing(database));
});
afterEach(() => stop());

describe('the claim', () => {
  const expireClaim = () =>
    database.pool.query("update accounts set refresh_claimed_until = now() - interval '1 second'");

  it('of a process that died is taken over when it runs out, and marked uncertain', async () => {
    await claimRefresh(database.db, { accountId: account.id, epoch: 1 });
    await expireClaim();
    expect((await renew()).kind).toBe('renewed');
    expect(rooms.log.events.map(({ event }) => event)).toContain('account_refresh_taken_over');
    expect((await row()).refreshClaimedUntil).toBeNull();
  });

  it('that was taken over after its holder spent the token ends in signing in again', async () => {
    await claimRefresh(database.db, { accountId: account.id, epoch: 1 });
    await expireClaim();
    anna.answers({ behaviour: 'A3', kind: 'reused' });
    expect(await renew()).toEqual({ kind: 'signed_out' });
    expect((await row()).refreshUncertainAt).not.toBeNull();
  });

  it('is granted to one of twenty who ask at the same moment', async () => {
    const asks = Array.from({ length: 20 }, () => claimRefresh(database.db, { accountId: account.id, epoch: 1 }));
    const granted = (await Promise.all(asks)).filter((claim) => claim !== null);
    expect(granted).toEqual([{ fence: 1, tookOver: false }]);
  });

  it('that ran out is taken over by one of twenty', async () => {
    await claimRefresh(database.db, { accountId: account.id, epoch: 1 });
    await expireClaim();
    const asks = Array.from({ length: 20 }, () => claimRefresh(database.db, { accountId: account.id, epoch: 1 }));
    const granted = (await Promise.all(asks)).filter((claim) => claim !== null);
    expect(granted).toEqual([{ fence: 2, tookOver: true }]);
  });

  it('makes others wait while it holds, and they go on when it is given back', async () => {
    const claim = await claimRefresh(database.db, { accountId: account.id, epoch: 1 });
    expect(await claimRefresh(database.db, { accountId: account.id, epoch: 1 })).toBeNull();
    const waiting = renew();
    const facts = {
      accountId: account.id,
      fence: claim!.fence,
      now: new Date(),
      accessTokenExpiresAt: null,
      plan: null,
    };
    await finishRenewed(database.db, facts);
    expect(await waiting).toMatchObject({ kind: 'already_renewed', credential: { epoch: 2 } });
    expect(refreshCalls()).toHaveLength(0);
  });

  it('lost to a newer one cannot store anything any more', async () => {
    const late = await claimRefresh(database.db, { accountId: account.id, epoch: 1 });
    await expireClaim();
    await renew();
    const facts = {
      accountId: account.id,
      fence: late!.fence,
      now: new Date(),
      accessTokenExpiresAt: null,
      plan: 'late',
    };
    expect(await finishRenewed(database.db, facts)).toBeNull();
    expect(await row()).toMatchObject({ credentialEpoch: 2, plan: 'plus' });
  });

  it('is void when a newer sign-in is imported during the call: the late answer does not overwrite it', async () => {
    clock.timerShare = 1 / 100;
    anna.answers({ behaviour: 'A3', kind: 'hang' });
    const arrived = sandbox.nextRequest({ path: '/oauth/token' });
    const refreshing = renew();
    await arrived;
    await rooms.api.import({ authJson: anna.authJson(), pool: 'default' });
    expect(await refreshing).toMatchObject({ kind: 'already_renewed', credential: { epoch: 2 } });
    expect(await row()).toMatchObject({ status: 'active', credentialEpoch: 2 });
    expect(await works((await rooms.keeper.credential(account.id)).accessToken)).toBe(true);
    expect(refreshCalls()).toHaveLength(1);
  });

  it('is void when the account is removed during the call', async () => {
    clock.timerShare = 1 / 100;
    anna.answers({ behaviour: 'A3', kind: 'hang' });
    const arrived = sandbox.nextRequest({ path: '/oauth/token' });
    const refreshing = renew();
    await arrived;
    await rooms.api.remove({ account: account.id });
    expect(await refreshing).toEqual({ kind: 'signed_out' });
    expect(await database.db.selectFrom('accountSecrets').selectAll().execute()).toEqual([]);
    await expect(rooms.keeper.credential(account.id)).rejects.toMatchObject({ code: 'account_not_found' });
  });
});
