/** `account pause` and `account resume`: an operator takes an account out for a while. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Account } from '../../server/contract/accounts.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
  operator = commandLineBeside(gateway);
});
afterEach(() => operator.run('account resume anna'));
afterAll(() => gateway.stop());

const statusOf = async (name: string) =>
  (await operator.done<{ accounts: Account[] }>('account list')).accounts.find(({ label }) => label === name)?.status;

async function ask(thread: string) {
  const answer = await askCodex(gateway, key, { thread });
  return { status: answer.status, text: await answer.text() };
}

async function servedBy(answer: Response): Promise<string | undefined> {
  const { database } = gateway;
  const id = answer.headers.get('x-request-id') ?? '';
  return (await database.db.selectFrom('attempts').select('accountLabel').where('requestId', '=', id).execute())[0]
    ?.accountLabel;
}

describe('a paused account', () => {
  it('serves nobody, says so, and serves again when it is resumed', async () => {
    expect((await ask('one')).status).toBe(200);
    const paused = await operator.run('account pause anna');
    expect([paused.exitCode, paused.stdout]).toEqual([
      0,
      'Paused anna: it serves no new request. Resume it with: codex-pooler account resume anna\n',
    ]);
    expect(await statusOf('anna')).toBe('paused');
    expect((await operator.run('account list')).stdout).toMatch(/anna .* Paused /);
    expect(await ask('two')).toMatchObject({ status: 503, text: expect.stringContaining('1 account: 1 is paused.') });
    expect((await operator.run('account pause anna')).exitCode).toBe(0);
    const resumed = await operator.run('account resume anna');
    expect([resumed.exitCode, resumed.stdout]).toEqual([0, expect.stringMatching(/^Resumed anna\.\n +plan /)]);
    expect((await ask('two')).status).toBe(200);
    expect(await operator.auditOf('accounts.pause')).toMatchObject({ details: { 'account.label': 'anna' } });
    expect(await operator.auditOf('accounts.resume')).toMatchObject({ details: { 'account.label': 'anna' } });
  });

  it('leaves its conversations to others, while what runs on it ends by itself', async () => {
    anna.answers({ behaviour: 'N12', deltas: 5, everyMs: 100 });
    const running = await askCodex(gateway, key, { thread: 'mine' });
    await gateway.link('ben', { percentPerAnswer: 0 });
    await operator.done('account pause anna');
    expect(await running.text()).toContain('response.completed');
    const next = await askCodex(gateway, key, { thread: 'mine' });
    await next.text();
    expect([await servedBy(running), await servedBy(next)]).toEqual(['anna', 'ben']);
    await operator.done('account remove ben --yes');
  });

  it('stays paused when its tokens are renewed, and is signed out when the provider ended its sign-in', async () => {
    await operator.done('account pause anna');
    await operator.done('account refresh anna');
    expect(await statusOf('anna')).toBe('paused');
    anna.answers({ behaviour: 'A3', kind: 'invalid_grant' });
    expect((await operator.run('account refresh anna')).exitCode).not.toBe(0);
    expect(await statusOf('anna')).toBe('reauth_required');
    const resumed = await operator.run('account resume anna');
    expect([resumed.exitCode, resumed.stderr]).toEqual([1, expect.stringContaining('Sign in again')]);
    const paused = await operator.run('account pause anna');
    expect([paused.exitCode, paused.stderr]).toEqual([1, expect.stringContaining('Sign in again')]);
  });

  it('that is none is refused in words', async () => {
    const refused = await operator.run('account pause nobody');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('There is no such account')]);
  });
});
