/** A refresh that the provider refuses, or whose answer is lost. */
import { describe, expect, it } from 'vitest';
import { renewingForEach } from '../../test/support/renewing.ts';

const minute = 60_000;

const house = renewingForEach();
const { renew, row, refreshCalls } = house;

describe('a refusal', () => {
  it.each(['reused', 'expired', 'invalidated', 'invalid_grant'] as const)(
    'in documented words (%s) signs the account out, with the reason',
    async (kind) => {
      house.anna.answers({ behaviour: 'A3', kind });
      expect(await renew()).toEqual({ kind: 'signed_out' });
      const after = await row();
      expect([after.status, after.statusReason]).toEqual([
        'reauth_required',
        kind === 'invalid_grant' ? kind : `refresh_token_${kind}`,
      ]);
      expect(await renew()).toEqual({ kind: 'signed_out' });
      expect(refreshCalls()).toHaveLength(1);
    },
  );

  it.each(['server_error', 'rate_limited', 'forbidden'] as const)(
    'that passes (%s) leaves the account serving, and is not repeated before its wait is over',
    async (kind) => {
      house.anna.answers({ behaviour: 'A3', kind });
      const results = await Promise.all([renew(), renew(), renew()]);
      expect(results).toEqual(Array(3).fill({ kind: 'failed_for_now' }));
      expect(await renew()).toEqual({ kind: 'failed_for_now' });
      expect(refreshCalls()).toHaveLength(1);
      expect((await row()).status).toBe('refresh_failed');
      expect((await house.rooms.keeper.credential(house.account.id)).epoch).toBe(1);
      house.clock.aheadMs = 2 * minute;
      expect((await renew()).kind).toBe('renewed');
      expect(await row()).toMatchObject({
        status: 'active',
        statusReason: null,
        refreshFailures: 0,
        refreshNotBefore: null,
      });
    },
  );

  it('in doubtful words signs the account out only when it is repeated a minute later', async () => {
    house.anna.answers({ behaviour: 'A3', kind: 'unknown_code', times: 3 });
    expect(await renew()).toEqual({ kind: 'failed_for_now' });
    expect((await row()).status).toBe('refresh_failed');
    // By hand it may be tried at once, which proves nothing yet.
    house.clock.aheadMs = 10_000;
    expect(await renew({ reason: 'manual' })).toEqual({ kind: 'failed_for_now' });
    house.clock.aheadMs = 10 * minute;
    expect(await renew()).toEqual({ kind: 'signed_out' });
    expect((await row()).status).toBe('reauth_required');
  });

  it('is tried again by hand, and a success brings the account back', async () => {
    house.anna.answers({ behaviour: 'A3', kind: 'expired' });
    await renew();
    expect((await renew({ reason: 'manual' })).kind).toBe('renewed');
    expect((await row()).status).toBe('active');
  });
});

describe('an answer that is lost', () => {
  it('is marked and tried once more; a spent token then ends the sign-in, and nothing else uses it', async () => {
    house.anna.answers({ behaviour: 'A3', kind: 'answer_lost' });
    expect(await renew()).toEqual({ kind: 'signed_out' });
    const after = await row();
    expect([after.status, after.statusReason]).toEqual(['reauth_required', 'refresh_token_reused']);
    expect(after.refreshUncertainAt).not.toBeNull();
    expect(refreshCalls()).toHaveLength(2);
    expect(house.rooms.log.events.map(({ event }) => event)).toContain('account_refresh_uncertain');
    await renew();
    expect(refreshCalls()).toHaveLength(2);
  });

  it('because the provider hangs ends within the time limit and heals when the token was not spent', async () => {
    house.clock.timerShare = 1 / 300;
    house.anna.answers({ behaviour: 'A3', kind: 'hang' });
    expect((await renew()).kind).toBe('renewed');
    expect(await row()).toMatchObject({ status: 'active', refreshUncertainAt: null });
  });

  it('twice is a failed refresh, not the end of the sign-in', async () => {
    house.clock.timerShare = 1 / 300;
    house.anna.answers({ behaviour: 'A3', kind: 'hang', times: 2 });
    expect(await renew()).toEqual({ kind: 'failed_for_now' });
    const after = await row();
    expect([after.status, after.statusReason]).toEqual(['refresh_failed', 'refresh_answer_lost']);
    expect(after.refreshUncertainAt).not.toBeNull();
  });
});
