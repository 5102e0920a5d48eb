/** Many requests meet a dead token at once: one refresh, in one process or two, and no client ever hears of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, settledRow, soundBooks } from '../support/ledger.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { threadOf } from '../support/thread-of.ts';

let installation: Installation;
let first: GatewayUnderTest;
let second: GatewayUnderTest;
let key: string;

beforeAll(async () => {
  installation = await oneInstallation();
  first = await installation.open();
  second = await installation.open();
  key = await first.key();
});
afterAll(() => installation.stop());
beforeEach(async () => {
  for (const { id } of (await first.call(accounts.list, {})).accounts)
    await first.call(accounts.remove, { account: id });
});

async function link(name: string, seed: Parameters<GatewayUnderTest['link']>[1] = {}) {
  return first.link(name, { percentPerAnswer: 0, ...seed });
}

/** So many requests at once, on threads of their own; gives the statuses and the ends of their answers. */
async function askAtOnce(gateway: GatewayUnderTest, count: number, thread = 'many') {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) => askCodex(gateway, key, { thread: `${thread}-${index}` })),
  );
  return Promise.all(
    answers.map(async (answer) => ({ status: answer.status, last: typesOf(await answer.text()).at(-1) })),
  );
}

const good = { status: 200, last: 'response.completed' };

describe('an access token that the provider no longer takes', () => {
  for (const count of [10, 50]) {
    it(`is refreshed once for ${count} requests at once, and no 401 reaches a client`, async () => {
      const anna = await link(`anna-${count}`);
      anna.expireAccessTokens();
      const from = installation.sandbox.requests.length;
      const answers = await askAtOnce(first, count);
      expect(answers).toEqual(Array.from({ length: count }, () => good));
      expect(anna.counters.refreshes).toBe(1);
      const tokenCalls = installation.sandbox.requests.slice(from).filter(({ path }) => path === '/oauth/token');
      expect(tokenCalls).toHaveLength(1);
      expect(tokenCalls[0]?.json()).toMatchObject({ refresh_reason: 'unauthorized_recovery' });
    });
  }

  it('is refreshed once more when the new one dies as well, and each waiting request is repeated', async () => {
    const anna = await link('anna-twice');
    for (let round = 1; round <= 3; round += 1) {
      anna.invalidateAccessTokens();
      expect(await askAtOnce(first, 12, `round-${round}`)).toEqual(Array.from({ length: 12 }, () => good));
      expect(anna.counters.refreshes).toBe(round);
    }
  });

  it('is refreshed once for two gateways on one database', async () => {
    const anna = await link('anna-shared');
    await knows(second, 'anna-shared');
    anna.expireAccessTokens();
    const answers = await Promise.all([askAtOnce(first, 25, 'a'), askAtOnce(second, 25, 'b')]);
    expect(answers.flat()).toEqual(Array.from({ length: 50 }, () => good));
    expect(anna.counters.refreshes).toBe(1);
  });

  it('costs one attempt: the refused call and its repetition are the same try', async () => {
    const anna = await link('anna-attempt');
    anna.expireAccessTokens();
    const answer = await askCodex(first, key, { thread: 'attempt' });
    await answer.text();
    const row = await settledRow(first, answer.headers.get('x-request-id'));
    expect(row).toMatchObject({ status: 'succeeded', attemptCount: 1 });
  });
});

describe('an access token whose time is over', () => {
  it('is renewed before it is shown to the provider, once for all who need it', async () => {
    const anna = await link('anna-old', { tokenLifeSeconds: 3_600 });
    installation.clock.advance(3_601_000);
    const from = installation.sandbox.requests.length;
    expect(await askAtOnce(first, 10, 'old')).toEqual(Array.from({ length: 10 }, () => good));
    expect(anna.counters.refreshes).toBe(1);
    const calls = installation.sandbox.requests.slice(from).filter(({ path }) => path.endsWith('/responses'));
    expect(calls).toHaveLength(10);
  });
});

describe('a refresh whose answer is lost', () => {
  it('is tried once more, signs the account out when the token is spent, and the Pool goes on', async () => {
    const anna = await link('anna-lost');
    const ben = await link('ben-lost');
    await knows(second, 'ben-lost');
    const thread = await threadOf(first, key, 'anna-lost');
    anna.expireAccessTokens();
    anna.answers({ behaviour: 'A3', kind: 'answer_lost' });
    const from = installation.sandbox.requests.length;
    expect(await (await askCodex(first, key, { thread })).text()).toContain('response.completed');
    expect(await askAtOnce(first, 20, 'lost')).toEqual(Array.from({ length: 20 }, () => good));
    expect(await askAtOnce(second, 20, 'lost')).toEqual(Array.from({ length: 20 }, () => good));

    // The old token was sent twice, in the knowledge that it may be spent, and never again.
    const tokenCalls = installation.sandbox.requests.slice(from).filter(({ path }) => path === '/oauth/token');
    expect(tokenCalls.map((call) => call.json()['refresh_token'])).toEqual([
      tokenCalls[0]?.json()['refresh_token'],
      tokenCalls[0]?.json()['refresh_token'],
    ]);
    const uncertain = first.log.find(({ event }) => event === 'account_refresh_uncertain');
    expect(uncertain?.facts).toMatchObject({ accountId: anna.gatewayId, reason: 'refresh_answer_lost' });
    const { accounts: rows } = await first.call(accounts.list, {});
    expect(rows.find(({ id }) => id === anna.gatewayId)).toMatchObject({
      status: 'reauth_required',
      statusReason: 'refresh_token_reused',
    });
    expect(ben.counters.requests).toBeGreaterThanOrEqual(41);

    // Signing in again brings it back, once the pause after the refused token is over.
    await first.call(accounts.import, { authJson: anna.authJson(), pool: 'default' });
    installation.clock.advance(31_000);
    await threadOf(first, key, 'anna-lost');
  });
});

describe('a refresh that is refused for now', () => {
  it('leaves the account in the Pool, moves its requests to another, and is not asked for by each of them', async () => {
    const anna = await link('anna-429');
    await link('ben-429');
    await threadOf(first, key, 'anna-429');
    anna.expireAccessTokens();
    anna.answers({ behaviour: 'A3', kind: 'server_error', times: 20 });
    const from = installation.sandbox.requests.length;
    for (let round = 0; round < 3; round += 1)
      expect(await askAtOnce(first, 10, 'anna-429')).toEqual(Array.from({ length: 10 }, () => good));
    const tokenCalls = installation.sandbox.requests.slice(from).filter(({ path }) => path === '/oauth/token');
    expect(tokenCalls).toHaveLength(1);
    const { accounts: rows } = await first.call(accounts.list, {});
    expect(rows.find(({ id }) => id === anna.gatewayId)?.status).toBe('refresh_failed');
  });

  it('is told to the client as a wait and never as 401 when there is no other account', async () => {
    const anna = await link('anna-alone');
    anna.expireAccessTokens();
    anna.answers({ behaviour: 'A3', kind: 'server_error', times: 20 });
    for (const answer of await Promise.all(
      Array.from({ length: 5 }, (_, index) => askCodex(first, key, { thread: `alone-${index}` })),
    )) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      await answer.text();
    }
  });
});

it('everything is accounted once, and the provider saw nothing it should not', async () => {
  await Promise.all([untilSettled(first), untilSettled(second)]);
  expect(await faultsInBooks(installation.database.db)).toEqual(soundBooks);
  expect(installation.sandbox.violations).toEqual([]);
});

/** Every answered inference request of this gateway has been closed in the database. */
async function untilSettled(gateway: GatewayUnderTest): Promise<void> {
  const reserved = gateway.log.filter(
    ({ event, facts }) => event === 'request' && facts['route'] === '/backend-api/codex/responses',
  ).length;
  await gateway.settled(reserved);
}

/** The other gateway has heard of the account: its requests can reach it. */
async function knows(gateway: GatewayUnderTest, name: string): Promise<void> {
  const { accounts: rows } = await gateway.call(accounts.list, {});
  expect(rows.some(({ label }) => label === name)).toBe(true);
  await threadOf(gateway, key, name);
}
