import { describe, expect, it } from 'vitest';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import type { Log } from '../../world/world.ts';
import { createCompressor, type CompressorOptions } from './compressor.ts';

const body = Buffer.from(
  JSON.stringify({
    input: [
      { type: 'function_call', call_id: 'c', name: 'shell' },
      { type: 'function_call_output', call_id: 'c', output: JSON.stringify(Array(300).fill(1), null, 4) },
    ],
  }),
);

function compressorWith({ loadTokenCounter }: Pick<CompressorOptions, 'loadTokenCounter'>) {
  const warnings: unknown[] = [];
  const ignore = () => {};
  const log: Log = { debug: ignore, info: ignore, error: ignore, warn: (...line) => void warnings.push(line) };
  const clock = createMovableClock(systemClock);
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

  it('that is out of time lets the body through', async () => {
    const two = JSON.parse(body.toString()) as { input: unknown[] };
    const longer = Buffer.from(JSON.stringify({ input: [...two.input, ...two.input] }));
    const slow = compressorWith({
      loadTokenCounter: async () => (text) => {
        slow.clock.advance(300);
        return text.length;
      },
    });
    expect(await slow.compress({ id: 'r', body: longer })).toEqual({
      body: longer,
      facts: expect.objectContaining({ skipped: { out_of_time: 1 } }),
    });
  });
});
