import { describe, expect, it } from 'vitest';
import { createHandMovedClock } from '../../../test/support/one-installation.ts';
import type { Log } from '../../world/world.ts';
import { createCompressor, type CompressorOptions } from './compressor.ts';

/** One call of a shell for each word, with an output of its own. */
const bodyOf = (words: readonly string[]) =>
  Buffer.from(
    JSON.stringify({
      input: words.flatMap((word) => [
        { type: 'function_call', call_id: word, name: 'shell' },
        { type: 'function_call_output', call_id: word, output: JSON.stringify(Array(300).fill(word), null, 4) },
      ]),
    }),
  );
const body = bodyOf(['a']);

function compressorWith({ loadTokenCounter }: Pick<CompressorOptions, 'loadTokenCounter'>) {
  const warnings: unknown[] = [];
  const ignore = () => {};
  const log: Log = { debug: ignore, info: ignore, error: ignore, warn: (...line) => void warnings.push(line) };
  const clock = createHandMovedClock();
  return { ...createCompressor({ clock, log, loadTokenCounter }), clock, warnings };
}

const byLength = async () => (text: string) => text.length;

describe('a compressor', () => {
  it('shortens', async () => {
    const { compress } = compressorWith({ loadTokenCounter: byLength });
    const sent = await compress({ id: 'r', body });
    expect(sent.body.length).toBeLessThan(body.length);
    expect(sent.facts?.shortened).toEqual({ json: 1 });
  });

  it('that cannot count lets the body through as it came, says so, and tries again', async () => {
    let loads = 0;
    const compressor = compressorWith({
      loadTokenCounter: () => ((loads += 1) === 1 ? Promise.reject(new Error('secret')) : byLength()),
    });
    const sent = await compressor.compress({ id: 'r', body });
    expect(sent).toEqual({ body, facts: expect.objectContaining({ skipped: { failed: 1 } }) });
    expect(compressor.warnings).toEqual([['compression_failed', expect.objectContaining({ requestId: 'r' })]]);
    expect(JSON.stringify(compressor.warnings)).not.toContain('secret');
    expect((await compressor.compress({ id: 's', body })).facts?.shortened).toEqual({ json: 1 });
  });

  it('loads its counter once', async () => {
    let loads = 0;
    const { compress } = compressorWith({ loadTokenCounter: () => ((loads += 1), byLength()) });
    await Promise.all([compress({ id: 'r', body }), compress({ id: 's', body })]);
    expect(loads).toBe(1);
  });

  it('whose counter fails in the middle, or whose body is no JSON, lets it through', async () => {
    const failing = compressorWith({
      loadTokenCounter: async () => () => {
        throw new Error('no');
      },
    });
    expect((await failing.compress({ id: 'r', body })).body).toBe(body);
    const junk = Buffer.from('{"input":[{"call":');
    const { compress } = compressorWith({ loadTokenCounter: byLength });
    expect(await compress({ id: 'r', body: junk })).toEqual({
      body: junk,
      facts: expect.objectContaining({ skipped: { failed: 1 } }),
    });
  });

  it('that is slow sends what a fast one sends, so that a restart changes no conversation', async () => {
    const slow = compressorWith({
      loadTokenCounter: async () => (text) => {
        slow.clock.advance(150);
        return text.length;
      },
    });
    const fast = compressorWith({ loadTokenCounter: byLength });
    const before = await slow.compress({ id: 'r', body: bodyOf(['a', 'b', 'c']) });
    const after = await fast.compress({ id: 's', body: bodyOf(['a', 'b', 'c', 'd']) });
    expect(before.facts).toMatchObject({ shortened: { json: 3 }, skipped: {} });
    expect(after.body.toString().startsWith(before.body.toString().slice(0, -2))).toBe(true);
  });

  it('lets others go first between two outputs', async () => {
    const slow = compressorWith({
      loadTokenCounter: async () => (text) => {
        slow.clock.advance(2);
        return text.length;
      },
    });
    await slow.compress({ id: 'warm', body: Buffer.from('{}') });
    let turns = 0;
    let isSent = false;
    const turn = () => {
      turns += 1;
      slow.clock.advance(1_000);
      if (!isSent) setImmediate(turn);
    };
    setImmediate(turn);
    const sent = await slow.compress({ id: 'r', body: bodyOf(['a', 'b', 'c']) });
    isSent = true;
    expect(turns).toBeGreaterThanOrEqual(3);
    expect(sent.facts).toMatchObject({ shortened: { json: 3 }, skipped: {} });
  });
});
