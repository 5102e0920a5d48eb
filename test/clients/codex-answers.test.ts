import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newestCodex, oldestCodex } from '../support/codex-cli.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { itemsOf, lastMessageOf, usageOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench();
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const exec = (prompt: string) => ['exec', '--skip-git-repo-check', '--json', prompt];
const usage = { inputTokens: 1234, cachedTokens: 1000, outputTokens: 77, reasoningTokens: 13 };
const reported = { ...usage, totalTokens: 1311 };

/** Gateway spec 11.3 over the bundled prices, for the usage above: written anew, so that the gateway's own sum is checked. */
function costOf(model: string): number {
  const prices = JSON.parse(readFileSync(new URL('../../server/catalog/prices.json', import.meta.url), 'utf8')) as {
    models: Record<string, { standard: { default: { input: number; cached: number; output: number } } }>;
  };
  const { input, cached, output } = prices.models[model]!.standard.default;
  return (usage.inputTokens - usage.cachedTokens) * input + usage.cachedTokens * cached + usage.outputTokens * output;
}

describe.each([newestCodex, oldestCodex])('Codex %s on a gateway with one account', (version) => {
  it('prints the answer of the provider', async () => {
    const anna = await bench.link('anna');
    anna.answers('Grüße aus dem Sandkasten 🚀');
    const run = await bench.codex({ version, key: await bench.key(), args: ['exec', '--skip-git-repo-check', 'hi'] });
    expect(run).toMatchObject({ exitCode: 0, stdout: 'Grüße aus dem Sandkasten 🚀\n' });
    expect(await bench.statuses()).toEqual([200]);
    expect(bench.sandbox.violations).toEqual([]);
  });

  it('leaves in the ledger the tokens that the provider reported, and their price', async () => {
    const anna = await bench.link('anna', { usage });
    const run = await bench.codex({ version, key: await bench.key(), args: exec('say hello') });
    expect(await bench.settled(1)).toEqual([
      {
        status: 'succeeded',
        usageStatus: 'usage_known',
        errorCode: null,
        account: 'anna',
        attempts: 1,
        endpoint: '/backend-api/codex/responses',
        ledger: ['reservation', 'settlement', 'release'],
        ...reported,
        costMicros: costOf('gpt-5.5'),
        costStatus: 'priced',
      },
    ]);
    expect(anna.counters).toMatchObject({ requests: 1, usedTokens: reported.totalTokens });
    expect(usageOf(run)).toMatchObject({ input_tokens: 1234, cached_input_tokens: 1000, output_tokens: 77 });
  });
});

describe.each([
  { version: newestCodex, dialect: 'full', model: 'gpt-5.5', shown: 'sandbox' },
  { version: newestCodex, dialect: 'lite', model: 'gpt-6.1-sol', shown: 'sandbox-lite' },
  { version: oldestCodex, dialect: 'full', model: 'gpt-5.5', shown: 'sandbox' },
])('a tool loop of Codex $version in the $dialect dialect', ({ version, model, shown }) => {
  it('runs the command, sends its output, shows the answer, and each request is settled', async () => {
    await bench.link('anna', { usage });
    const run = await bench.codex({ version, model, key: await bench.key(), args: exec('please use-a-tool') });
    expect(run.exitCode).toBe(0);
    const command = itemsOf(run).find(({ type }) => type === 'command_execution');
    expect(command).toMatchObject({ aggregated_output: `${shown}\n`, exit_code: 0 });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');

    const asks = bench.sandbox.requests.filter(({ path }) => path.endsWith('/responses'));
    expect(asks).toHaveLength(2);
    const last = (asks[1]!.json()['input'] as Record<string, unknown>[]).at(-1);
    expect(last?.['type']).toMatch(/_call_output$/);
    expect(JSON.stringify(last?.['output'])).toContain(shown);
    // The state of the turn comes from the account's first answer and goes back to it within the turn.
    expect(asks.map((ask) => ask.header('x-codex-turn-state') !== undefined)).toEqual([false, true]);

    const settled = await bench.settled(2);
    expect(settled).toHaveLength(2);
    for (const request of settled) expect(request).toMatchObject({ ...reported, costMicros: costOf(model) });
    expect(usageOf(run)).toMatchObject({ input_tokens: 2468, cached_input_tokens: 2000, output_tokens: 154 });
    expect(bench.sandbox.violations).toEqual([]);
  });
});

describe('a failure that the gateway can mend', () => {
  it.each([
    ['answers 500', { behaviour: 'F4', kind: 'server_error' }],
    ['has used up its limit', { behaviour: 'F3', kind: 'usage_limit_reached', resetsInSeconds: 600 }],
    ['cuts the connection', { behaviour: 'F9', at: 'created', how: 'reset' }],
  ] as const)('stays unseen when the first account %s', async (_, answer) => {
    await bench.link('anna');
    await bench.link('ben');
    bench.sandbox.answers(answer);
    const run = await bench.codex({ key: await bench.key(), args: exec('say hello') });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).not.toContain('Reconnecting');
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(await bench.statuses()).toEqual([200]);
    expect(await bench.settled(1)).toMatchObject([
      { status: 'succeeded', attempts: 2, ledger: ['reservation', 'settlement', 'release'] },
    ]);
  });

  it('stays unseen when the access token has expired: it is renewed once and the same account answers', async () => {
    const anna = await bench.link('anna');
    anna.expireAccessTokens();
    const run = await bench.codex({ key: await bench.key(), args: exec('say hello') });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(run.stdout).not.toContain('Reconnecting');
    expect(await bench.statuses()).toEqual([200]);
    expect(anna.counters.refreshes).toBe(1);
    expect(await bench.settled(1)).toMatchObject([{ status: 'succeeded', account: 'anna', attempts: 1 }]);
  });

  it('makes the CLI wait as long as the only account asks', async () => {
    const anna = await bench.link('anna');
    anna.answers({ behaviour: 'F3', kind: 'rate_limit_exceeded', retryAfter: 2 });
    const run = await bench.codex({ key: await bench.key(), args: exec('say hello') });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(await bench.statuses()).toEqual([429, 200]);
  });
});
