import { describe, expect, it } from 'vitest';
import { readCpuProfile, type CpuProfile } from './cpu-profile.ts';

const root = 'file:///place/';
const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber });

/** serve → (serve → parse), serve → query; beside it the collector and idling. */
const profile: CpuProfile = {
  startTime: 1_000,
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 6, 7] },
    { id: 2, callFrame: frame('serve', `${root}server/gateway/serve.ts`, 9), children: [3, 5] },
    { id: 3, callFrame: frame('serve', `${root}server/gateway/serve.ts`, 9), children: [4] },
    { id: 4, callFrame: frame('parse', `${root}server/lib/parse.ts`, 0) },
    { id: 5, callFrame: frame('query', `${root}node_modules/@scope/pg/client.js`, 4) },
    { id: 6, callFrame: frame('(garbage collector)') },
    { id: 7, callFrame: frame('(idle)') },
  ],
  samples: [2, 3, 4, 5, 6, 7],
  timeDeltas: [1_000, 2_000, 3_000, 4_000, 5_000, 85_000],
};

describe('a CPU profile', () => {
  it('tells each function its own time, as a share of the time that was not idle', () => {
    const { self, busyMs, idleMs } = readCpuProfile(profile, { root });
    expect({ busyMs, idleMs }).toEqual({ busyMs: 15, idleMs: 85 });
    expect(self.map(({ name, ms }) => [name, ms])).toEqual([
      ['(garbage collector)', 5],
      ['query node_modules/@scope/pg/client.js:5', 4],
      ['serve server/gateway/serve.ts:10', 3],
      ['parse server/lib/parse.ts:1', 3],
    ]);
    expect(self[0]?.share).toBeCloseTo(1 / 3);
  });

  it('counts a function that calls itself once, with all it called', () => {
    const { inclusive } = readCpuProfile(profile, { root });
    expect(inclusive.map(({ name, ms }) => [name, ms])).toEqual([
      ['serve server/gateway/serve.ts:10', 10],
      ['parse server/lib/parse.ts:1', 3],
    ]);
  });

  it('sums up by room and package', () => {
    const { parts } = readCpuProfile(profile, { root });
    expect(Object.fromEntries(parts.map(({ name, ms }) => [name, ms]))).toEqual({
      'server/gateway': 3,
      'server/lib': 3,
      'node_modules/@scope/pg': 4,
      '(garbage collector)': 5,
    });
  });

  it('looks only at the part of the run that was asked for', () => {
    // The samples were taken at 2, 4, 7, 11, 16 and 101 ms of the profile's clock.
    const { self } = readCpuProfile(profile, { root, window: { from: 3_000, to: 7_000 } });
    expect(self.map(({ name }) => name)).toEqual(['parse server/lib/parse.ts:1', 'serve server/gateway/serve.ts:10']);
  });
});
