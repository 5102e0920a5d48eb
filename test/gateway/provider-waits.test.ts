import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { accounts } from '../../server/contract/accounts.ts';
import { memberships } from '../../server/contract/memberships.ts';
import { pools } from '../../server/contract/pools.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;

beforeEach(async () => {
  gateway = await gatewayUnderTest();
  key = await gateway.key();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
});
afterEach(() => gateway.stop());

async function ask(secret = key) {
  const answer = await askCodex(gateway, secret);
  await answer.text();
  return { status: answer.status, wait: Number(answer.headers.get('retry-after')) };
}

describe('a provider that asks for a wait', () => {
  it('is left alone for so long, and the client is told the same', async () => {
    anna.answers({ behaviour: 'F3', kind: 'rate_limit_exceeded', retryAfter: 20 });
    expect(await ask()).toEqual({ status: 429, wait: 20 });
    gateway.clock.advance(19_000);
    expect((await ask()).status).toBe(503);
    expect(anna.counters.requests).toBe(1);
    gateway.clock.advance(2_000);
    expect((await ask()).status).toBe(200);
  });

  it('only in words is told to the client as a wait: without one Codex would give up for good', async () => {
    anna.answers({ behaviour: 'F3', kind: 'rate_limit_exceeded', message: 'Please try again in 6.5s.' });
    expect(await ask()).toEqual({ status: 429, wait: 7 });
  });

  it('with a 503 has its wait relayed too', async () => {
    anna.answers({ behaviour: 'F4', kind: 'unavailable', retryAfter: 9 });
    expect(await ask()).toEqual({ status: 503, wait: 9 });
  });
});

describe('an account whose tokens are being renewed', () => {
  it('keeps serving with the token it has', async () => {
    anna.answers({ behaviour: 'A3', kind: 'hang', times: 2 });
    const arrived = gateway.sandbox.nextRequest({ path: '/oauth/token' });
    const renewing = gateway.call(accounts.refresh, { account: 'anna' }).catch(() => null);
    await arrived;
    expect((await ask()).status).toBe(200);
    const askedAgain = gateway.sandbox.nextRequest({ path: '/oauth/token' });
    gateway.clock.advance(31_000);
    await askedAgain;
    gateway.clock.advance(31_000);
    await renewing;
  });
});

describe('an account whose sign-in was revoked', () => {
  it('is out of every Pool at once', async () => {
    await gateway.call(pools.create, { name: 'Other', slug: 'other', routing: {} });
    await gateway.call(memberships.join, { account: 'anna', pool: 'other' });
    const wanted = { name: 'other', pool: 'other', policy: {}, labels: [], notes: '', expiresAt: null };
    const { secret } = await gateway.call(apiKeys.create, wanted);
    expect((await ask(secret)).status).toBe(200);
    anna.invalidateAccessTokens();
    anna.answers({ behaviour: 'A3', kind: 'invalidated' });
    expect((await ask()).status).toBe(503);
    const before = anna.counters.requests;
    for (const each of [key, secret]) expect((await ask(each)).status).toBe(503);
    expect(anna.counters.requests).toBe(before);
    const { accounts: all } = await gateway.call(accounts.list, {});
    expect(all.map(({ status, pools: slugs }) => [status, slugs])).toEqual([['reauth_required', ['default', 'other']]]);
  });
});
