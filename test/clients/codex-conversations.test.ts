import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newestCodex, oldestCodex } from '../support/codex-cli.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { lastMessageOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench();
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const flags = ['--skip-git-repo-check', '--json'];
const begin = ['exec', ...flags, 'say hello'];
const goOn = ['exec', 'resume', '--last', ...flags, 'go on'];
const others = ['ben', 'carla', 'dora', 'emil', 'fritz'];

/** What arrived on the paths of conversations, in order. */
function turns() {
  return bench.sandbox.requests.filter(({ method, path }) => method === 'POST' && path.includes('/responses'));
}
const typesIn = (turn: ReturnType<typeof turns>[number]) =>
  (turn.json()['input'] as { type: string }[]).map(({ type }) => type);

describe.each([newestCodex, oldestCodex])('a conversation with Codex %s', (version) => {
  it('stays on the account that began it, whatever accounts are added later', async () => {
    await bench.link('anna');
    const ask = { version, key: await bench.key(), home: await bench.home() };
    await bench.codex({ ...ask, args: begin });
    for (const name of others) await bench.link(name);
    await bench.codex({ ...ask, args: goOn });
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna', 'anna']);
    const [first, second, third] = turns().map((turn) => typesIn(turn).length);
    expect([second! > first!, third! > second!]).toEqual([true, true]);
  });

  it('is compacted when it grows long, goes on from the compaction, and every request is settled', async () => {
    await bench.link('anna', { usage: { inputTokens: 5_000, cachedTokens: 0, outputTokens: 10 } });
    const settings = ['model_auto_compact_token_limit = 1000'];
    const ask = { version, key: await bench.key(), home: await bench.home(), settings };
    await bench.codex({ ...ask, args: begin });
    for (const name of others) await bench.link(name);
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');

    const [, compaction, next] = turns();
    expect(turns()).toHaveLength(3);
    if (version === newestCodex) {
      expect(compaction?.path).toBe('/backend-api/codex/responses');
      expect(typesIn(compaction!).at(-1)).toBe('compaction_trigger');
    } else expect(compaction?.path).toBe('/backend-api/codex/responses/compact');
    expect(typesIn(next!)).toContain('compaction');
    // Only its maker can read a compaction; the sandbox refuses it from any other account.
    expect(turns().map(({ account }) => account)).toEqual(['anna', 'anna', 'anna']);
    expect(await bench.statuses()).toEqual([200, 200, 200]);
    const settled = await bench.settled(3);
    // The unary answer to an old CLI names no tokens, so what was set aside for it counts.
    const known = version === newestCodex ? 'usage_known' : 'usage_unknown';
    expect(settled.map(({ status, usageStatus }) => [status, usageStatus])).toEqual([
      ['succeeded', 'usage_known'],
      ['succeeded', known],
      ['succeeded', 'usage_known'],
    ]);
    for (const { usageStatus, totalTokens } of settled)
      if (usageStatus === 'usage_known') expect(totalTokens).toBe(5_010);
  });

  it('goes on from its compaction after the gateway was restarted, on the account that made it', async () => {
    await bench.link('anna', { usage: { inputTokens: 5_000, cachedTokens: 0, outputTokens: 10 } });
    const key = await bench.key();
    const ask = { version, key, home: await bench.home() };
    await bench.codex({ ...ask, args: begin });
    await bench.codex({ ...ask, settings: ['model_auto_compact_token_limit = 1000'], args: goOn });
    for (const name of others) await bench.link(name);
    await bench.kill9();
    await bench.restart();
    const run = await bench.codex({ ...ask, args: goOn });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(typesIn(turns().at(-1)!)).toContain('compaction');
    expect(turns().at(-1)?.account).toBe('anna');
    expect(await bench.statuses()).toEqual([200]);
  });
});
