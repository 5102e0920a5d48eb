import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { windows: [{ minutes: 10_080, usedPercent: 100 }], resetCredits: 2 });
  operator = commandLineBeside(gateway);
});
afterAll(() => gateway.stop());

const consumed = () => gateway.sandbox.requests.filter(({ path }) => path.endsWith('/consume')).length;

describe('the saved resets of an account, on the command line', () => {
  it('are listed with their expiry and what may be spent', async () => {
    const { stdout, exitCode } = await operator.run('account resets anna');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('anna: 2 saved resets');
    expect(stdout).toMatch(/expires in (?:90|89) d/);
    expect(stdout).toContain('Nothing is spent without asking.');
  });

  it('are not spent while nobody confirms it', async () => {
    expect((await operator.run('account redeem anna')).exitCode).not.toBe(0);
    expect((await operator.run('account redeem anna', { answer: 'n' })).exitCode).not.toBe(0);
    expect(consumed()).toBe(0);
  });

  it('are spent one at a time after being asked twice, and the same attempt spends no second one', async () => {
    const redeemed = await operator.run('account redeem anna', { answer: 'y' });
    expect(redeemed.stderr.match(/Go on\?/g)).toHaveLength(2);
    expect(redeemed.stdout).toContain('The limits were reset.');
    const bank = (await operator.run('--json account resets anna')).json() as {
      bank: { redemptions: { id: string }[] };
    };
    const [{ id } = { id: '' }] = bank.bank.redemptions;
    expect((await operator.run(`account redeem anna --yes --attempt ${id}`)).exitCode).toBe(0);
    expect(consumed()).toBe(1);
  });

  it('may be spent by themselves when that is said', async () => {
    const { stdout } = await operator.run('account reset-policy anna --auto on --keep 1 --min-blocked 90');
    expect(stdout).toBe(
      'One is spent by itself when only weekly limits are in the way for 90 min or longer, but never below 1.\n',
    );
    expect((await operator.run('account reset-policy anna')).exitCode).toBe(64);
    expect((await operator.run('account reset-policy anna --keep many')).exitCode).toBe(64);
  });
});
