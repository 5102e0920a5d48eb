/** One refresh at a time across processes: the claim, its end, and results that come too late. */
import { describe, expect, it } from 'vitest';
import { renewingForEach } from '../../test/support/renewing.ts';
import { claimRefresh, finishRenewed } from './refresh-store.ts';

const house = renewingForEach();
const { renew, row, refreshCalls, works } = house;

describe('the claim', () => {
  const claim = () => claimRefresh(house.database.db, { accountId: house.account.id, epoch: 1 });
  const expireClaim = () =>
    house.database.pool.query("update accounts set refresh_claimed_until = now() - interval '1 second'");

  it('of a process that died is taken over when it runs out, and marked uncertain', async () => {
    await claim();
    await expireClaim();
    expect((await renew()).kind).toBe('renewed');
    expect(house.rooms.log.events.map(({ event }) => event)).toContain('account_refresh_taken_over');
    expect((await row()).refreshClaimedUntil).toBeNull();
  });

  it('that was taken over after its holder spent the token ends in signing in again', async () => {
    await claim();
    await expireClaim();
    house.anna.answers({ behaviour: 'A3', kind: 'reused' });
    expect(await renew()).toEqual({ kind: 'signed_out' });
    expect((await row()).refreshUncertainAt).not.toBeNull();
  });

  it('is granted to one of twenty who ask at the same moment', async () => {
    const asks = Array.from({ length: 20 }, () => claim());
    const granted = (await Promise.all(asks)).filter((each) => each !== null);
    expect(granted).toEqual([{ fence: 1, tookOver: false }]);
  });

  it('that ran out is taken over by one of twenty', async () => {
    await claim();
    await expireClaim();
    const asks = Array.from({ length: 20 }, () => claim());
    const granted = (await Promise.all(asks)).filter((each) => each !== null);
    expect(granted).toEqual([{ fence: 2, tookOver: true }]);
  });

  it('makes others wait while it holds, and they go on when it is given back', async () => {
    const mine = await claim();
    expect(await claim()).toBeNull();
    const waiting = renew();
    const facts = {
      accountId: house.account.id,
      fence: mine!.fence,
      now: new Date(),
      accessTokenExpiresAt: null,
      plan: null,
    };
    await finishRenewed(house.database.db, facts);
    expect(await waiting).toMatchObject({ kind: 'already_renewed', credential: { epoch: 2 } });
    expect(refreshCalls()).toHaveLength(0);
  });

  it('lost to a newer one cannot store anything any more', async () => {
    const late = await claim();
    await expireClaim();
    await renew();
    const facts = {
      accountId: house.account.id,
      fence: late!.fence,
      now: new Date(),
      accessTokenExpiresAt: null,
      plan: 'late',
    };
    expect(await finishRenewed(house.database.db, facts)).toBeNull();
    expect(await row()).toMatchObject({ credentialEpoch: 2, plan: 'plus' });
  });

  it('is void when a newer sign-in is imported during the call: the late answer does not overwrite it', async () => {
    house.clock.timerShare = 1 / 100;
    house.anna.answers({ behaviour: 'A3', kind: 'hang' });
    const arrived = house.sandbox.nextRequest({ path: '/oauth/token' });
    const refreshing = renew();
    await arrived;
    await house.rooms.api.import({ authJson: house.anna.authJson(), pool: 'default' });
    expect(await refreshing).toMatchObject({ kind: 'already_renewed', credential: { epoch: 2 } });
    expect(await row()).toMatchObject({ status: 'active', credentialEpoch: 2 });
    expect(await works((await house.rooms.keeper.credential(house.account.id)).accessToken)).toBe(true);
    expect(refreshCalls()).toHaveLength(1);
  });

  it('is void when the account is removed during the call', async () => {
    house.clock.timerShare = 1 / 100;
    house.anna.answers({ behaviour: 'A3', kind: 'hang' });
    const arrived = house.sandbox.nextRequest({ path: '/oauth/token' });
    const refreshing = renew();
    await arrived;
    await house.rooms.api.remove({ account: house.account.id });
    expect(await refreshing).toEqual({ kind: 'signed_out' });
    expect(await house.database.db.selectFrom('accountSecrets').selectAll().execute()).toEqual([]);
    await expect(house.rooms.keeper.credential(house.account.id)).rejects.toMatchObject({ code: 'account_not_found' });
  });
});
