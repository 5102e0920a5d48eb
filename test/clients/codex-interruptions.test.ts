import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newestCodex, oldestCodex } from '../support/codex-cli.ts';
import { until } from '../support/until.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { messagesOf, noticesOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench();
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const exec = ['exec', '--skip-git-repo-check', '--json', 'say hello'];
const hour = 3_600_000;

describe.each([newestCodex, oldestCodex])('an interruption, with Codex %s', (version) => {
  it('ends the call to the provider when the client is killed in the middle of an answer', async () => {
    const anna = await bench.link('anna');
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: hour });
    const ended = bench.sandbox.nextStreamEnd({ account: 'anna' });
    const codex = await bench.startCodex({ version, key: await bench.key(), args: exec });
    await until(() => anna.counters.openStreams === 1);
    codex.kill();
    await codex.finished;
    expect((await ended).outcome).toBe('left');
    expect(await bench.settled(1)).toMatchObject([
      {
        status: 'cancelled',
        errorCode: 'client_disconnected',
        usageStatus: 'usage_unknown',
        ledger: ['reservation', 'settlement', 'release'],
      },
    ]);
  });

  it('is overcome when the gateway is killed in the middle of an answer and comes back', async () => {
    const anna = await bench.link('anna');
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: hour });
    const codex = await bench.startCodex({ version, key: await bench.key(), args: exec });
    await until(() => anna.counters.openStreams === 1);
    await bench.kill9();
    await bench.restart();
    const run = await codex.finished;
    expect(run.exitCode).toBe(0);
    expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
    // The first request was closed by the sweep of the new process, with what was set aside for it.
    expect(await bench.settled(1)).toMatchObject([
      {
        status: 'failed',
        errorCode: 'process_ended',
        usageStatus: 'usage_unknown',
        ledger: ['reservation', 'settlement', 'release'],
      },
      { status: 'succeeded', usageStatus: 'usage_known', ledger: ['reservation', 'settlement', 'release'] },
    ]);
    expect(await bench.statuses()).toEqual([200]);
  });

  it('is overcome when the provider cuts an answer after its first words: asked again, shown once', async () => {
    const anna = await bench.link('anna');
    anna.dropsAfter(2);
    const run = await bench.codex({ version, key: await bench.key(), args: exec });
    expect(messagesOf(run)).toEqual(['Hello from the sandbox.']);
    expect(noticesOf(run)).toEqual([expect.stringMatching(/^Reconnecting\.\.\. 1\/5/)]);
    expect(await bench.settled(2)).toMatchObject([
      { status: 'failed', attempts: 1, ledger: ['reservation', 'settlement', 'release'] },
      { status: 'succeeded', attempts: 1, ledger: ['reservation', 'settlement', 'release'] },
    ]);
  });
});
