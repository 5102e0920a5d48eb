import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Account } from '../../server/contract/accounts.ts';
import { defaultPoolRouting, type Pool } from '../../server/contract/pools.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLine } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let run: ReturnType<typeof commandLine>;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { percentPerAnswer: 0 });
  await gateway.link('ben', { percentPerAnswer: 0 });
  const { database, sandbox, dataFolder } = gateway;
  run = commandLine({
    home: dataFolder,
    env: {
      PORT: '0',
      DATABASE_URL: database.url,
      CODEX_POOLER_DATA_DIR: dataFolder,
      CODEX_POOLER_UPSTREAM_URL: sandbox.url,
      CODEX_POOLER_AUTH_URL: sandbox.url,
    },
  });
});
afterAll(() => gateway.stop());

/** A command that must succeed, as the document it prints. */
async function done<Document>(words: string): Promise<Document> {
  const outcome = await run(`--json ${words}`);
  expect([outcome.exitCode, outcome.stderr]).toEqual([0, '']);
  return outcome.json<Document>();
}

const answer = async (key: string, thread: string) => {
  const response = await askCodex(gateway, key, { thread });
  await response.text();
  return response.status;
};

async function auditOf(action: string) {
  return gateway.database.db
    .selectFrom('auditEvents')
    .select(['outcome', 'details'])
    .where('action', '=', action)
    .orderBy('occurredAt', 'desc')
    .executeTakeFirstOrThrow();
}

describe('a second Pool', () => {
  it('is answered only by the accounts that were added to it, without a restart', async () => {
    const { pool } = await done<{ pool: Pool }>('pool create Night');
    expect(pool).toMatchObject({ slug: 'night', routing: defaultPoolRouting });
    const { secret } = await done<{ secret: string }>('key create --name night --pool night');
    expect(await answer(secret, 'thread-0')).toBe(400);

    const joined = await done<{ account: Account }>('pool add-account night ben');
    expect(joined.account.pools).toEqual(['default', 'night']);
    for (let thread = 1; thread <= 8; thread += 1) {
      const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      expect(await answer(secret, `thread-${thread}`)).toBe(200);
      expect((await arrived).account).toBe('ben');
    }

    await done('pool remove-account night ben');
    expect(await answer(secret, 'thread-9')).toBe(400);
    expect(await auditOf('accounts.leave')).toEqual({
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
    await done('pool create Days --slug days');
    await done('pool add-account days anna');
    const { secret } = await done<{ secret: string }>('key create --name days --pool days');
    expect(await answer(secret, 'thread-1')).toBe(200);
    await done('pool disable days');
    expect(await answer(secret, 'thread-1')).toBe(401);
    await done('pool enable days');
    expect(await answer(secret, 'thread-1')).toBe(200);
  });
});

describe('the pool commands', () => {
  it('change how a Pool routes and its name in one go, and show it', async () => {
    await done('pool create Team');
    const set = 'pool set team --strategy soonest_reset --floor-percent 15 --ring-size 5';
    const switches = '--sticky-websocket off --sticky-http on --prompt-cache-affinity off --request-compression on';
    await done(`${set} ${switches} --name Crew --slug crew`);
    await done('pool add-account crew anna');
    const { pool, accounts } = await done<{ pool: Pool; accounts: Account[] }>('pool show crew');
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
        requestCompression: true,
      },
    });
    expect(accounts.map(({ label }) => label)).toEqual(['anna']);
    const { stdout } = await run('pool show crew');
    expect(stdout).toMatch(/^Crew \(crew\): Active, 0 keys\n/);
    expect(stdout).toMatch(/^floorPercent +15 +default 5 /m);
    expect(stdout).toMatch(/^stickyHttp +on +default off /m);
    expect(stdout).toMatch(/^anna +\w+ +Ready$/m);
    expect((await auditOf('routing.change')).details).toMatchObject({
      'pool.slug': 'team',
      changes: { strategy: 'soonest_reset', floorPercent: 15, ringSize: 5, stickyHttp: true },
    });
  });

  it('say in words what they did', async () => {
    await run('pool create Words');
    expect((await run('pool list')).stdout).toMatch(/^words +Words +Active +bridge_ring +0 +0$/m);
    expect((await run('pool show words')).stdout).toContain('No account is in it yet.');
    expect((await run('pool add-account words anna')).stdout).toMatch(/^anna serves the pool words now\. .*words.*\n$/);
    expect((await run('pool add-account words anna')).stdout).toMatch(/^anna was in the pool already\./);
    expect((await run('pool remove-account words anna')).stdout).toMatch(/^anna no longer serves the pool words\./);
    expect((await run('pool remove-account words anna')).stdout).toMatch(/^anna was not in the pool\./);
    expect((await run('pool disable words')).stdout).toBe(
      'Disabled Words (words). Its keys do not work until it is enabled.\n',
    );
    expect((await run('pool show words')).stdout).toContain('Words (words): Disabled');
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
  ])('%s is refused in words, with exit code %i', async (words, exitCode, sentence) => {
    const outcome = await run(words);
    expect([outcome.exitCode, outcome.stdout]).toEqual([exitCode, '']);
    expect(outcome.stderr).toContain(sentence);
  });
});
