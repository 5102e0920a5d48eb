import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Account } from '../../server/contract/accounts.ts';
import { defaultPoolRouting, type Pool } from '../../server/contract/pools.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { percentPerAnswer: 0 });
  await gateway.link('ben', { percentPerAnswer: 0 });
  operator = commandLineBeside(gateway);
});
afterAll(() => gateway.stop());

const answer = async (key: string, thread: string) => {
  const response = await askCodex(gateway, key, { thread });
  await response.text();
  return response.status;
};

describe('a second Pool', () => {
  it('is answered only by the accounts that were added to it, without a restart', async () => {
    const { pool } = await operator.done<{ pool: Pool }>('pool create Night');
    expect(pool).toMatchObject({ slug: 'night', routing: defaultPoolRouting });
    const { secret } = await operator.done<{ secret: string }>('key create --name night --pool night');
    expect(await answer(secret, 'thread-0')).toBe(400);

    const joined = await operator.done<{ account: Account }>('pool add-account night ben');
    expect(joined.account.pools).toEqual(['default', 'night']);
    for (let thread = 1; thread <= 8; thread += 1) {
      const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      expect(await answer(secret, `thread-${thread}`)).toBe(200);
      expect((await arrived).account).toBe('ben');
    }

    await operator.done('pool remove-account night ben');
    expect(await answer(secret, 'thread-9')).toBe(400);
    expect(await operator.auditOf('accounts.leave')).toEqual({
      outcome: 'success',
      details: {
        pool: 'night',
        wasMember: true,
        'account.id': joined.account.id,
        'account.label': 'ben',
      },
    });
  });

  it('that is disabled refuses its keys at the next request, and lets them in again', async () => {
    await operator.done('pool create Days --slug days');
    await operator.done('pool add-account days anna');
    const { secret } = await operator.done<{ secret: string }>('key create --name days --pool days');
    expect(await answer(secret, 'thread-1')).toBe(200);
    await operator.done('pool disable days');
    expect(await answer(secret, 'thread-1')).toBe(401);
    await operator.done('pool enable days');
    expect(await answer(secret, 'thread-1')).toBe(200);
  });
});

describe('the pool commands', () => {
  it('change how a Pool routes and its name in one go, and show it', async () => {
    await operator.done('pool create Team');
    const set = 'pool set team --strategy soonest_reset --floor-percent 15 --ring-size 5';
    const affinity = '--sticky-websocket off --sticky-http on --prompt-cache-affinity off';
    const routes = '--v1-compatibility off --request-compression on --image-generation off';
    await operator.done(`${set} ${affinity} ${routes} --name Crew --slug crew`);
    await operator.done('pool add-account crew anna');
    const { pool, accounts } = await operator.done<{ pool: Pool; accounts: Account[] }>('pool show crew');
    expect(pool).toMatchObject({
      name: 'Crew',
      routing: {
        ...defaultPoolRouting,
        strategy: 'soonest_reset',
        floorPercent: 15,
        ringSize: 5,
        stickyWebsocket: false,
        stickyHttp: true,
        promptCacheAffinity: false,
        v1Compatibility: false,
        requestCompression: true,
        imageGeneration: false,
      },
    });
    expect(accounts.map(({ label }) => label)).toEqual(['anna']);
    const { stdout } = await operator.run('pool show crew');
    expect(stdout).toMatch(/^Crew \(crew\): Active, 0 keys\n/);
    expect(stdout).toMatch(/^floorPercent +15 +default 5 /m);
    expect(stdout).toMatch(/^stickyHttp +on +default off /m);
    expect(stdout).toMatch(/^anna +\w+ +Ready$/m);
    expect((await operator.auditOf('routing.change')).details).toMatchObject({
      'pool.slug': 'team',
      changes: { strategy: 'soonest_reset', floorPercent: 15, ringSize: 5, stickyHttp: true },
    });
  });

  it('switch whole surfaces off and on again, from the next request on', async () => {
    const { secret } = await operator.done<{ secret: string }>('key create --name surfaces');
    const statuses = async () => {
      const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
      const models = await fetch(`${gateway.url}/v1/models`, { headers });
      const image = await fetch(`${gateway.url}/backend-api/codex/images/generations`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ model: 'gpt-image-2', prompt: 'a lighthouse' }),
      });
      return [models.status, image.status];
    };
    expect(await statuses()).toEqual([200, 200]);
    await operator.done('pool set default --v1-compatibility off --image-generation off');
    expect(await statuses()).toEqual([403, 400]);
    expect((await operator.run('pool show default')).stdout).toMatch(/^imageGeneration +off +default on /m);
    await operator.done('pool set default --v1-compatibility on --image-generation on');
    expect(await statuses()).toEqual([200, 200]);
  });

  it('say in words what they did', async () => {
    await operator.run('pool create Words');
    expect((await operator.run('pool list')).stdout).toMatch(/^words +Words +Active +bridge_ring +0 +0$/m);
    expect((await operator.run('pool show words')).stdout).toContain('No account is in it yet.');
    expect((await operator.run('pool add-account words anna')).stdout).toMatch(
      /^anna serves the pool words now\. .*words.*\n$/,
    );
    expect((await operator.run('pool add-account words anna')).stdout).toMatch(/^anna was in the pool already\./);
    expect((await operator.run('pool remove-account words anna')).stdout).toMatch(
      /^anna no longer serves the pool words\./,
    );
    expect((await operator.run('pool remove-account words anna')).stdout).toMatch(/^anna was not in the pool\./);
    expect((await operator.run('pool disable words')).stdout).toBe(
      'Disabled Words (words). Its keys do not work until it is enabled.\n',
    );
    expect((await operator.run('pool show words')).stdout).toContain('Words (words): Disabled');
  });

  it.each([
    ['pool show nowhere', 1, 'There is no such pool.'],
    ['pool set nowhere --ring-size 2', 1, 'There is no such Pool.'],
    ['pool add-account default nobody', 1, 'There is no such account.'],
    ['pool create Default', 1, 'Another Pool has this slug.'],
    ['pool set default', 64, 'Say what to change'],
    ['pool set default --ring-size 0', 64, 'It is a whole number from 1 to 100.'],
    ['pool set default --floor-percent 5.5', 64, 'It is a whole number from 0 to 99.'],
    ['pool set default --sticky-http maybe', 64, 'It is on or off.'],
    ['pool set default --strategy random', 64, 'Allowed choices are bridge_ring'],
    ['pool add-account default', 64, 'See: codex-pooler pool add-account --help'],
    ['pool paint default', 64, 'See: codex-pooler pool --help'],
    ['reset', 64, "Unknown command 'reset'\nSee: codex-pooler --help"],
  ])('%s is refused in words, with exit code %i', async (words, exitCode, sentence) => {
    const outcome = await operator.run(words);
    expect([outcome.exitCode, outcome.stdout]).toEqual([exitCode, '']);
    expect(outcome.stderr).toContain(sentence);
  });
});
