/** The real Codex CLI on `/v1` as a provider without websockets: what a user sets up who changes nothing but the address. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newestCodex, type CodexRun } from '../support/codex-cli.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { itemsOf, lastMessageOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench({ codex: [newestCodex] });
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const exec = (prompt: string) => ['exec', '--skip-git-repo-check', '--json', prompt];

/** What the provider was asked. */
const asks = () =>
  bench.sandbox.requests.filter(({ path, method }) => path.endsWith('/responses') && method === 'POST');

/** It posted so many requests, each was answered and settled once, and it had nothing to say about it. */
async function expectQuiet(run: CodexRun, count: number): Promise<void> {
  expect(run.exitCode).toBe(0);
  expect(run.stdout).not.toContain('Reconnecting');
  expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
  expect(await bench.statuses()).toEqual(Array.from({ length: count }, () => 200));
  expect(asks()).toHaveLength(count);
  const settled = await bench.settled(count);
  expect(settled).toHaveLength(count);
  for (const request of settled)
    expect(request).toMatchObject({
      status: 'succeeded',
      usageStatus: 'usage_known',
      endpoint: '/v1/responses',
      ledger: ['reservation', 'settlement', 'release'],
    });
  expect(bench.sandbox.violations).toEqual([]);
}

describe('Codex over HTTP on /v1', () => {
  it('prints the answer', async () => {
    await bench.link('anna');
    const run = await bench.codex({ basePath: '/v1', key: await bench.key(), args: exec('say hello') });
    await expectQuiet(run, 1);
  });

  it.each([
    { model: 'gpt-5.5', shown: 'sandbox' },
    { model: 'gpt-6.1-sol', shown: 'sandbox-lite' },
  ])('runs a tool loop with $model, and the provider gets the output of the command', async ({ model, shown }) => {
    await bench.link('anna');
    const run = await bench.codex({ basePath: '/v1', model, key: await bench.key(), args: exec('please use-a-tool') });
    const command = itemsOf(run).find(({ type }) => type === 'command_execution');
    expect(command).toMatchObject({ aggregated_output: `${shown}\n`, exit_code: 0 });
    await expectQuiet(run, 2);
    const [first, second] = asks().map((ask) => ask.json()['input'] as Record<string, unknown>[]);
    expect(second!.slice(0, first!.length)).toEqual(first);
    expect(second!.at(-1)?.['type']).toMatch(/_call_output$/);
    expect(JSON.stringify(second!.at(-1)?.['output'])).toContain(shown);
  });
});
