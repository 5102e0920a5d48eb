/** The real Codex CLI on `/v1` with `supports_websockets = true`: what it does over its own path it does here as well. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newestCodex, type CodexRun } from '../support/codex-cli.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { itemsOf, lastMessageOf, messagesOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench({ codex: [newestCodex] });
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const setUp = { basePath: '/v1', provider: ['env_key = "CODEX_POOLER_API_KEY"', 'supports_websockets = true'] };
const flags = ['--skip-git-repo-check', '--json'];
const exec = (prompt: string) => ['exec', ...flags, prompt];
const goOn = ['exec', 'resume', '--last', ...flags, 'go on'];

/** What the provider was asked. */
const asks = () =>
  bench.sandbox.requests.filter(({ path, method }) => path.endsWith('/responses') && method === 'POST');
const typesIn = (ask: ReturnType<typeof asks>[number]) =>
  (ask.json()['input'] as { type: string }[]).map(({ type }) => type);

/** It used its websocket and nothing else, and had nothing to say about it. */
async function expectQuiet(run: CodexRun): Promise<void> {
  expect(run.exitCode).toBe(0);
  expect(run.stdout).not.toMatch(/Reconnecting|Falling back/);
  expect(await bench.statuses()).toEqual([]);
  expect(bench.sandbox.violations).toEqual([]);
}

describe('Codex over the websocket of /v1', () => {
  it('prints the answer; its warm-up costs nothing and its turn is settled once', async () => {
    await bench.link('anna');
    const run = await bench.codex({ ...setUp, key: await bench.key(), args: exec('say hello') });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    expect(await bench.settled(1)).toMatchObject([
      { status: 'succeeded', usageStatus: 'usage_known', ledger: ['reservation', 'settlement', 'release'] },
    ]);
    expect(asks()).toHaveLength(1);
  });

  it.each([
    { model: 'gpt-5.5', shown: 'sandbox' },
    { model: 'gpt-6.1-sol', shown: 'sandbox-lite' },
  ])('runs a tool loop with $model, and the provider gets the whole conversation each time', async (each) => {
    const { model, shown } = each;
    await bench.link('anna');
    const run = await bench.codex({ ...setUp, model, key: await bench.key(), args: exec('please use-a-tool') });
    const command = itemsOf(run).find(({ type }) => type === 'command_execution');
    expect(command).toMatchObject({ aggregated_output: `${shown}\n`, exit_code: 0 });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    const [first, second] = asks();
    const before = typesIn(first!);
    expect(typesIn(second!).slice(0, before.length)).toEqual(before);
    expect(typesIn(second!).at(-1)).toMatch(/_call_output$/);
    expect(await bench.settled(2)).toHaveLength(2);
  });

  it('goes on with a conversation, also after a restart of ours', async () => {
    await bench.link('anna');
    const ask = { ...setUp, key: await bench.key(), home: await bench.home() };
    await bench.codex({ ...ask, args: exec('say hello') });
    await bench.quit();
    await bench.restart();
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    expect(typesIn(asks().at(-1)!).filter((type) => type === 'message').length).toBeGreaterThan(2);
  });

  it('compacts a conversation that grows long, and goes on from the compaction', async () => {
    await bench.link('anna', { usage: { inputTokens: 5_000, cachedTokens: 0, outputTokens: 10 } });
    const settings = ['model_auto_compact_token_limit = 1000'];
    const ask = { ...setUp, key: await bench.key(), home: await bench.home(), settings };
    await bench.codex({ ...ask, args: exec('say hello') });
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    const [, compaction, next] = asks();
    expect(typesIn(compaction!).at(-1)).toBe('compaction_trigger');
    expect(typesIn(next!)).toContain('compaction');
  });

  it('is moved in the middle of a tool loop when its account has run out, unseen', async () => {
    const [anna, ben] = [await bench.link('anna'), await bench.link('ben')];
    const key = await bench.key();
    const when = { nth: 2 };
    for (const account of [anna, ben]) account.answers({ behaviour: 'F3', kind: 'usage_limit_reached', when });
    const run = await bench.codex({ ...setUp, key, args: exec('please use-a-tool') });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
  });

  it('asks again when the provider cuts an answer after its first words, and shows it once', async () => {
    (await bench.link('anna')).dropsAfter(2);
    const run = await bench.codex({ ...setUp, key: await bench.key(), args: exec('say hello') });
    expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
    expect(await bench.settled(2)).toMatchObject([{ status: 'failed' }, { status: 'succeeded' }]);
    expect(await bench.statuses()).toEqual([]);
  });
});
