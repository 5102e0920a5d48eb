/** The `settings` commands: what each setting means and takes, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  operator = commandLineBeside(gateway);
});
afterAll(() => gateway.stop());

describe('a setting', () => {
  it('is shown with what it means, what it takes, and whether it was changed', async () => {
    const show = async () => (await operator.run('settings show circuit.failure_threshold')).stdout;
    expect(await show()).toBe(
      [
        'circuit.failure_threshold: Failures that open a circuit',
        '  value  3, its default',
        '  takes  a whole number from 1 to 100',
        'So many failures within five minutes, without a success between them, leave an account alone for one kind of request.',
        '',
      ].join('\n'),
    );
    await operator.done('settings set circuit.failure_threshold 5');
    expect(await show()).toContain('  value  5, default 3\n');
    await operator.done('settings reset circuit.failure_threshold');
  });

  it.each([
    ['gateway.websockets_enabled', 'true or false'],
    ['gateway.originator', 'text'],
    ['retention.ledger_days', 'a whole number from 0 to 36500'],
  ])('of another kind is shown with what it takes: %s', async (name, takes) => {
    expect((await operator.run(`settings show ${name}`)).stdout).toContain(`  takes  ${takes}\n`);
  });

  it.each([
    'gateway.precommit_timeout_ms',
    'gateway.stream_idle_timeout_ms',
    'gateway.compact_timeout_ms',
    'gateway.body_timeout_ms',
  ])('is not set to a time in which nothing can be answered: %s', async (name) => {
    for (const value of ['0', '999']) {
      const refused = await operator.run(`settings set ${name} ${value}`);
      expect([refused.exitCode, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toContain(`${name}: `);
      expect(refused.stderr).toContain('1000');
    }
  });

  it('that another version set to such a time counts as its default', async () => {
    await gateway.link('anna', { percentPerAnswer: 0 });
    const row = { name: 'gateway.precommit_timeout_ms', value: JSON.stringify(0), changedBy: 'another version' };
    await gateway.database.db
      .insertInto('settings')
      .values({ ...row, changedAt: new Date() })
      .execute();
    await operator.done('settings set gateway.keepalive_ms 0');
    const answer = await askCodex(gateway, await gateway.key());
    await answer.text();
    expect(answer.status).toBe(200);
  });

  it('that is none is refused with where to look', async () => {
    const refused = await operator.run('settings show gateway.nothing');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('settings list')]);
  });
});
