/** The `limit` commands: what a key may use, in words and for scripts, and what comes of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyLimit, KeyLimitUse } from '../../server/contract/limits.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;
let secret: string;
let asked = 0;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { percentPerAnswer: 0 });
  secret = await gateway.key({ name: 'office' });
  operator = commandLineBeside(gateway);
});
afterAll(() => gateway.stop());

async function ask(): Promise<number> {
  const answer = await askCodex(gateway, secret);
  await answer.text();
  await gateway.settled((asked += 1));
  return answer.status;
}

describe('a limit', () => {
  it('holds as soon as it is set, shows what is used of it, and is lifted at once', async () => {
    expect((await operator.run('limit list office')).stdout).toMatch(/^It has no limits\. Set one with: /);
    const set = await operator.run('limit set office requests day 1');
    expect([set.exitCode, set.stdout]).toEqual([0, 'office is limited to 1 request per day now.\n']);
    expect(await operator.auditOf('limits.set')).toEqual({
      outcome: 'success',
      details: {
        key: 'office',
        'limit.unit': 'requests',
        'limit.window': 'day',
        'limit.model': null,
        'limit.maximum': 1,
      },
    });
    expect([await ask(), await ask()]).toEqual([200, 429]);
    expect((await operator.run('limit list office')).stdout).toMatch(
      /^UNIT +WINDOW +MODEL +USED +MAXIMUM +FREE AGAIN\nrequests +day +all +1 +1 +in \d/,
    );
    const removed = await operator.run('limit remove office requests day');
    expect(removed.stdout).toBe('office is no longer limited to 1 request per day.\n');
    expect(await operator.auditOf('limits.remove')).toMatchObject({ details: { key: 'office', 'limit.maximum': 1 } });
    expect(await ask()).toBe(200);
  });

  it('set again has the new number and stays one limit', async () => {
    const first = await operator.done<{ limit: KeyLimitUse }>('limit set office total_tokens week 1000000');
    const again = await operator.done<{ limit: KeyLimitUse }>('limit set office total_tokens week 2000000');
    expect(again.limit).toEqual({ ...first.limit, maximum: 2_000_000 });
    const { limits } = await operator.done<{ limits: KeyLimit[] }>('limit list office');
    expect(limits.map(({ unit, maximum }) => [unit, maximum])).toEqual([['total_tokens', 2_000_000]]);
    await operator.done('limit remove office total_tokens week');
  });

  it('of money is said and shown in dollars, and is the same number of micro-dollars everywhere else', async () => {
    const set = await operator.run('limit set office cost month 20');
    expect(set.stdout).toBe('office is limited to $20.00 per month now.\n');
    expect((await operator.run('limit list office')).stdout).toMatch(/cost +month +all +\$0\.\d{2,6} +\$20\.00/);
    const { limits } = await operator.done<{ limits: KeyLimit[] }>('limit list office');
    expect(limits[0]).toMatchObject({ unit: 'cost_micros', maximum: 20_000_000 });
    const removed = await operator.run('limit remove office cost month');
    expect(removed.stdout).toBe('office is no longer limited to $20.00 per month.\n');
  });

  it.each([
    ['0.50', 500_000, '$0.50'],
    ["'$2.50'", 2_500_000, '$2.50'],
    ['0.000001', 1, '$0.000001'],
    ['4.35', 4_350_000, '$4.35'],
    ['999999999.999999', 999_999_999_999_999, '$999,999,999.999999'],
  ])('of %s dollars is kept to the millionth', async (words, micros, shown) => {
    const set = await operator.run(`limit set office cost day ${words}`);
    expect(set.stdout).toBe(`office is limited to ${shown} per day now.\n`);
    const { limits } = await operator.done<{ limits: KeyLimit[] }>('limit list office');
    expect(limits[0]).toMatchObject({ unit: 'cost_micros', maximum: micros });
    await operator.done('limit remove office cost day');
  });

  it('of one model stands beside that of the whole key, and each is removed by its own name', async () => {
    await operator.done('limit set office requests week 50');
    const set = await operator.run('limit set office requests week 20 --model GPT-5.5');
    expect(set.stdout).toBe('office is limited to 20 requests per week for gpt-5.5 now.\n');
    const maxima = async () =>
      (await operator.done<{ limits: KeyLimit[] }>('limit list office')).limits.map(({ model, maximum }) => [
        model,
        maximum,
      ]);
    expect(await maxima()).toEqual([
      [null, 50],
      ['gpt-5.5', 20],
    ]);
    await operator.done('limit remove office requests week --model gpt-5.5');
    expect(await maxima()).toEqual([[null, 50]]);
    await operator.done('limit remove office requests week');
  });

  it('of requests at once is named without a window of time', async () => {
    const set = await operator.run('limit set office concurrency now 2');
    expect(set.stdout).toBe('office is limited to 2 requests at once now.\n');
    expect((await operator.run('limit list office')).stdout).toMatch(/concurrency +now +all +0 +2\n/);
    await operator.done('limit remove office concurrency now');
  });
});

it.each([
  ['limit set nobody requests day 5', 1, 'There is no such API key'],
  ['limit remove office requests day', 1, 'This API key has no such limit'],
  ['limit set office requests request 5', 64, 'no limit of requests per "request": it takes minute, five_hours, day,'],
  ['limit set office concurrency day 5', 64, 'no limit of concurrency per "day": it takes now.'],
  ['limit set office requests day many', 64, '"many" cannot be the maximum of requests: it is a whole number'],
  ['limit set office requests day 2.5', 64, '"2.5" cannot be the maximum of requests'],
  ['limit set office requests day -1', 64, ''],
  ['limit set office cost day 0.0000001', 64, 'dollars with at most six decimals, such as 20 or 0.50'],
  ['limit set office cost day 1,000', 64, '"1,000" cannot be the maximum of cost'],
  ['limit set office cost_micros month 20', 64, 'Allowed choices are'],
  ['limit set office pages day 5', 64, 'Allowed choices are'],
  ['limit set office requests year 5', 64, 'Allowed choices are'],
])('"%s" is refused in words', async (words, exitCode, told) => {
  const refused = await operator.run(words);
  expect([refused.exitCode, refused.stdout]).toEqual([exitCode, '']);
  expect(refused.stderr).toContain(told);
});
