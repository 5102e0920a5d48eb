/** The real Codex CLI with `supports_websockets = true`: what it does over HTTP it does here as well, without a word. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { breakableLink } from '../support/breakable-link.ts';
import { newestCodex, oldestCodex, type CodexRun } from '../support/codex-cli.ts';
import { until } from '../support/until.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { failureOf, itemsOf, lastMessageOf, messagesOf, noticesOf, usageOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench();
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const provider = ['env_key = "CODEX_POOLER_API_KEY"', 'supports_websockets = true'];
const flags = ['--skip-git-repo-check', '--json'];
const exec = (prompt: string) => ['exec', ...flags, prompt];
const goOn = ['exec', 'resume', '--last', ...flags, 'go on'];
const usage = { inputTokens: 1234, cachedTokens: 1000, outputTokens: 77, reasoningTokens: 13 };
const hour = 3_600_000;

const turns = () =>
  bench.sandbox.requests.filter(
    ({ method, path, kind }) => path.includes('/responses') && (kind === 'frame' || method === 'POST'),
  );
const typesIn = (turn: ReturnType<typeof turns>[number]) =>
  (turn.json()['input'] as { type: string }[]).map(({ type }) => type);

/** It used its websocket and nothing else, and had nothing to say about it. */
async function expectQuiet(run: CodexRun): Promise<void> {
  expect(run.exitCode).toBe(0);
  expect(run.stdout).not.toMatch(/Reconnecting|Falling back/);
  expect(await bench.statuses()).toEqual([]);
  expect(bench.sandbox.violations).toEqual([]);
}

describe('Codex over a websocket', () => {
  it('prints the answer; its warm-up costs nothing and its turn is settled once', async () => {
    await bench.link('anna', { usage });
    const run = await bench.codex({ key: await bench.key(), provider, args: exec('say hello') });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    expect(await bench.settled(1)).toMatchObject([
      {
        status: 'succeeded',
        usageStatus: 'usage_known',
        attempts: 1,
        ledger: ['reservation', 'settlement', 'release'],
      },
    ]);
    expect(turns()).toHaveLength(1);
    expect(usageOf(run)).toMatchObject({ input_tokens: 1234, cached_input_tokens: 1000, output_tokens: 77 });
  });

  it.each([
    { model: 'gpt-5.5', shown: 'sandbox' },
    { model: 'gpt-6.1-sol', shown: 'sandbox-lite' },
  ])('runs a tool loop with $model', async ({ model, shown }) => {
    await bench.link('anna');
    const run = await bench.codex({ model, key: await bench.key(), provider, args: exec('please use-a-tool') });
    const command = itemsOf(run).find(({ type }) => type === 'command_execution');
    expect(command).toMatchObject({ aggregated_output: `${shown}\n`, exit_code: 0 });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna']);
    // It goes on from the answer that called the tool, on the same socket, and sends the output alone.
    const [first, second] = turns();
    expect(second?.json()['previous_response_id']).toMatch(/^resp_/);
    expect(typesIn(second!)).toEqual([expect.stringMatching(/_call_output$/)]);
    expect(second?.socket).toBe(first?.socket);
    expect(await bench.settled(2)).toHaveLength(2);
  });

  it('goes on with a conversation, on the account that began it, also after a restart of ours', async () => {
    await bench.link('anna');
    const ask = { key: await bench.key(), provider, home: await bench.home() };
    await bench.codex({ ...ask, args: exec('say hello') });
    for (const name of ['ben', 'carla', 'dora']) await bench.link(name);
    await expectQuiet(await bench.codex({ ...ask, args: goOn }));
    await bench.quit();
    await bench.restart();
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna', 'anna']);
  });

  it('compacts a conversation that grows long, and goes on from the compaction', async () => {
    await bench.link('anna', { usage: { inputTokens: 5_000, cachedTokens: 0, outputTokens: 10 } });
    const settings = ['model_auto_compact_token_limit = 1000'];
    const ask = { key: await bench.key(), provider, home: await bench.home(), settings };
    await bench.codex({ ...ask, args: exec('say hello') });
    for (const name of ['ben', 'carla', 'dora']) await bench.link(name);
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    const [, compaction, next] = turns();
    expect(typesIn(compaction!).at(-1)).toBe('compaction_trigger');
    expect(typesIn(next!)).toContain('compaction');
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna', 'anna']);
  });

  it('is moved to another account when its own has run out between two turns, unseen', async () => {
    const anna = await bench.link('anna');
    const ask = { key: await bench.key(), provider, home: await bench.home() };
    await bench.codex({ ...ask, args: exec('say hello') });
    await bench.link('ben');
    anna.fails(429, { resetsInSeconds: 600 });
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    await expectQuiet(run);
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna', 'ben']);
  });

  describe('whose provider ends its websocket after an hour', () => {
    /** The gateway has noticed that the provider ended one. */
    const ended = () => {
      const since = bench.gateway.log.length;
      return bench.gateway.logged(({ event }) => event === 'upstream_websocket_closed', { since });
    };

    it('between two turns goes on with its account, unseen', async () => {
      await bench.link('anna');
      const ask = { key: await bench.key(), provider, home: await bench.home() };
      await bench.codex({ ...ask, args: exec('say hello') });
      for (const name of ['ben', 'carla', 'dora']) await bench.link(name);
      const noticed = ended();
      bench.clock.advance(hour);
      await noticed;
      const run = await bench.codex({ ...ask, args: goOn });
      expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
      await expectQuiet(run);
      const [first, second] = turns();
      expect([first?.account, second?.account]).toEqual(['anna', 'anna']);
      expect(second?.socket).not.toBe(first?.socket);
    });

    it('while a tool runs sends everything, and goes on with its account, unseen', async () => {
      await bench.link('anna');
      const answered = bench.sandbox.nextStreamEnd({ account: 'anna' });
      const codex = await bench.startCodex({ key: await bench.key(), provider, args: exec('please use-a-tool') });
      await answered;
      const noticed = ended();
      bench.clock.advance(hour);
      await noticed;
      const run = await codex.finished;
      expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
      await expectQuiet(run);
      expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna']);
      expect(turns()[1]?.json()['previous_response_id']).toBeUndefined();
    });

    it('in the middle of an answer asks again, shows it once, and says nothing of it', async () => {
      const anna = await bench.link('anna');
      anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 2 * hour });
      const codex = await bench.startCodex({ key: await bench.key(), provider, args: exec('say hello') });
      await until(() => anna.counters.openStreams === 1);
      bench.clock.advance(hour);
      const run = await codex.finished;
      expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
      await expectQuiet(run);
      expect(await bench.settled(2)).toMatchObject([
        { status: 'failed', errorCode: 'websocket_connection_limit_reached', attempts: 1 },
        { status: 'succeeded', attempts: 1 },
      ]);
    });
  });

  it('says when the limit of every account is used up, after one turn', async () => {
    (await bench.link('anna')).fails(429, { resetsInSeconds: 600 });
    const run = await bench.codex({ key: await bench.key(), provider, args: exec('say hello') });
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toMatch(/usage limit/);
    expect(await bench.statuses()).toEqual([]);
    expect(turns()).toHaveLength(1);
  });

  it('says why a request is refused for good, after one turn', async () => {
    await bench.link('anna');
    const key = await bench.key({ allowedModels: ['gpt-6.1-sol'] });
    const run = await bench.codex({ key, provider, args: exec('say hello') });
    expect(failureOf(run)).toContain('This API key may not use this model.');
    expect(await bench.statuses()).toEqual([]);
  });

  it('asks again when the provider cuts an answer after its first words, and shows it once', async () => {
    (await bench.link('anna')).dropsAfter(2);
    const run = await bench.codex({ key: await bench.key(), provider, args: exec('say hello') });
    expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
    expect(await bench.settled(2)).toMatchObject([{ status: 'failed', attempts: 1 }, { status: 'succeeded' }]);
    expect(await bench.statuses()).toEqual([]);
    expect(noticesOf(run).length).toBeLessThanOrEqual(1);
  });

  it('that is killed in the middle of an answer ends the call to the provider, and is settled', async () => {
    const anna = await bench.link('anna');
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: hour });
    const ended = bench.sandbox.nextStreamEnd({ account: 'anna' });
    const arrived = bench.sandbox.nextRequest({ account: 'anna', kind: 'frame' });
    const codex = await bench.startCodex({ key: await bench.key(), provider, args: exec('say hello') });
    await arrived;
    codex.kill();
    await codex.finished;
    expect((await ended).outcome).toBe('left');
    expect(await bench.settled(1)).toMatchObject([{ status: 'cancelled', errorCode: 'client_disconnected' }]);
  });

  it('whose connection is cut in the middle of an answer asks again, and shows it once', async () => {
    const anna = await bench.link('anna');
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: hour });
    const link = await breakableLink(bench.gateway.url);
    const ask = { key: await bench.key(), provider, url: new URL(link.url).origin };
    const codex = await bench.startCodex({ ...ask, args: exec('say hello') });
    await until(() => anna.counters.openStreams === 1);
    for (const name of ['ben', 'carla', 'dora']) await bench.link(name);
    await link.cut();
    await link.mend();
    const run = await codex.finished;
    expect(run.exitCode).toBe(0);
    expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna']);
    expect(await bench.settled(2)).toMatchObject([
      { status: 'cancelled', errorCode: 'client_disconnected' },
      { status: 'succeeded' },
    ]);
    await link.stop();
  });

  it('finds the gateway again after it was killed in the middle of an answer', async () => {
    const anna = await bench.link('anna');
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: hour });
    const arrived = bench.sandbox.nextRequest({ account: 'anna', kind: 'frame' });
    const codex = await bench.startCodex({ key: await bench.key(), provider, args: exec('say hello') });
    await arrived;
    await bench.kill9();
    await bench.restart();
    const run = await codex.finished;
    expect(run.exitCode).toBe(0);
    expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
  });
});

describe('where websockets are switched off', () => {
  it.each([newestCodex, oldestCodex])('Codex %s uses HTTP without a word', async (version) => {
    await bench.link('anna');
    await bench.change('gateway.websockets_enabled', false);
    const run = await bench.codex({ version, key: await bench.key(), provider, args: exec('say hello') });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(run.stdout).not.toMatch(/Reconnecting|Falling back/);
    // One line of its own trace is left: it tried once.
    expect(run.stderr.match(/failed to connect to (?:Responses )?websocket/gi)).toHaveLength(1);
    expect(await bench.statuses()).toEqual([200]);
  });
});
