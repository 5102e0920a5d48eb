import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Explanation } from '../../server/contract/decisions.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { commandLineBeside } from './command-line-under-test.ts';

let gateway: GatewayUnderTest;
let operator: ReturnType<typeof commandLineBeside>;
let requestId: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('anna', { percentPerAnswer: 0 });
  await gateway.link('ben', { percentPerAnswer: 0, models: ['gpt-6-luna'] });
  operator = commandLineBeside(gateway);
  const answer = await askCodex(gateway, await gateway.key({ name: 'laptop' }), { model: 'gpt-5.5' });
  await answer.text();
  requestId = answer.headers.get('x-request-id')!;
  await gateway.settled(1);
});
afterAll(() => gateway.stop());

it('request list shows the newest requests with what became of them', async () => {
  const { stdout, exitCode } = await operator.run('request list --limit 5');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^TIME +STATUS +ACCOUNT/);
  expect(stdout).toMatch(new RegExp(`Succeeded +anna +gpt-5\\.5 +\\d+ +\\$0\\.\\d{4}.*laptop.*${requestId}`));
});

it('request explain gives every account a line in words, the chosen one first', async () => {
  const { stdout, exitCode } = await operator.run(`request explain ${requestId}`);
  expect(exitCode).toBe(0);
  const accountLines = stdout.split('\n').filter((line) => /^\d? +(?:anna|ben) /.test(line));
  expect(accountLines[0]).toMatch(/^1 +anna +chosen/);
  expect(accountLines[1]).toMatch(/^ +ben +does not offer the model/);
  expect(stdout).toContain('Decided: no other account may serve.');
  expect(stdout).toMatch(/Accounts that offer what is asked +1/);
});

it('route simulate shows the same of a request that was never sent', async () => {
  const outcome = await operator.run('--json route simulate --key laptop --model gpt-5.5 --thread thread-1');
  const { request, choices } = outcome.json<Explanation>();
  expect(request).toMatchObject({ requestId: null, keyName: 'laptop', model: 'gpt-5.5' });
  expect(choices[0]?.decision).toMatchObject({ decidedBy: 'only_one', eligible: 1, total: 2 });
  const text = await operator.run('route simulate --key laptop --model gpt-unheard-of');
  expect(text.stdout).toMatch(/offer what is asked +0 +invalid_model/);
  expect(text.stdout).toContain('nobody may serve it');
});

it('route simulate takes a request for the first of a conversation, or for as long as it is told', async () => {
  await operator.run('limit set laptop input_tokens request 9999');
  const simulate = async (options: string) =>
    (await operator.run(`route simulate --key laptop --model gpt-5.5 ${options}`)).stdout;
  expect(await simulate('')).toContain('api_key_policy_limit_exceeded');
  expect(await simulate('--input-tokens 9999')).not.toContain('api_key_policy_limit_exceeded');
  expect((await operator.run('route simulate --key laptop --model gpt-5.5 --output-tokens few')).exitCode).toBe(64);
});

it('route simulate shows which limit refuses, what is used of it and when there is room again', async () => {
  const secret = (await operator.run('key create --name tablet --quiet')).stdout.trim();
  await operator.done('limit set tablet requests day 1 --model gpt-5.5');
  const answer = await askCodex(gateway, secret, { model: 'gpt-5.5' });
  await answer.text();
  await gateway.settled(2);
  const real = await askCodex(gateway, secret, { model: 'gpt-5.5' });
  const { error } = (await real.json()) as { error: { limit: object; message: string } };
  const imagined = await operator.run('--json route simulate --key tablet --model gpt-5.5');
  expect(imagined.json<object>()).toMatchObject({ limit: error.limit });
  expect(error.limit).toMatchObject({ unit: 'requests', window: 'day', model: 'gpt-5.5', used: 1, maximum: 1 });
  const { stdout } = await operator.run('route simulate --key tablet --model gpt-5.5');
  const sentence = 'It allows 1 request per day for gpt-5.5: 1 used, 1 asked for.';
  expect(error.message).toContain(sentence);
  expect(stdout).toMatch(new RegExp(`^The limit: ${sentence} There is room for it again in [0-9]+ .*T00:00:00`, 'm'));
  await operator.done('limit set tablet requests day 0');
  const never = await operator.run('route simulate --key tablet --model gpt-5.5');
  expect(never.stdout).toContain('It never has room for such a request.');
  const explained = await operator.run(`--json request explain ${real.headers.get('x-request-id')}`);
  expect(explained.json<Explanation>()).toMatchObject({
    request: { errorCode: 'api_key_policy_limit_exceeded' },
    limit: null,
  });
});

it('route simulate takes a key as the other commands do: pasted as a whole, by a former start, by a name used again', async () => {
  const first = (await operator.run('key create --name desk --quiet')).stdout.trim();
  await operator.done('key revoke desk --yes');
  const second = (await operator.run('key create --name desk --quiet')).stdout.trim();
  const simulate = async (key: string) => {
    const outcome = await operator.run(`--json route simulate --key ${key} --model gpt-5.5`);
    expect(outcome.stdout).not.toContain(second.slice(20));
    const { request } = outcome.json<Explanation>();
    return [request.keyPrefix, request.errorCode];
  };
  const prefixOf = (secret: string) => secret.slice(0, 19);
  expect(await simulate('desk')).toEqual([prefixOf(second), null]);
  expect(await simulate(second)).toEqual([prefixOf(second), null]);
  expect(await simulate(first)).toEqual([prefixOf(first), 'api_key_revoked']);
  const third = (await operator.run('key rotate desk --overlap 1h --quiet')).stdout.trim();
  expect(await simulate(second)).toEqual([prefixOf(second), null]);
  expect(await simulate('desk')).toEqual([prefixOf(third), null]);
});

it('what cannot be found is refused in words', async () => {
  const unknown = await operator.run('request explain 00000000-0000-4000-8000-000000000000');
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('There is no such request')]);
  const noKey = await operator.run('route simulate --key nobody --model gpt-5.5');
  expect([noKey.exitCode, noKey.stderr]).toEqual([1, expect.stringContaining('There is no such API key')]);
  expect((await operator.run('request list --limit many')).exitCode).toBe(64);
});
