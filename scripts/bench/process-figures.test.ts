import { describe, expect, it } from 'vitest';
import { parsePs, parseStat, readCpuMs, readResidentBytes } from './process-figures.ts';

describe('reading what a process used', () => {
  it('takes the fields of a stat line, whatever the program calls itself', () => {
    const line = '42 (a (strange) name) S 7 42 42 0 -1 4194560 1 0 0 0 150 50 30 20 20 0 11 0 100 0 0';
    expect(parseStat(line)).toEqual({ pid: 42, parent: 7, cpuMs: 2000, endedChildrenCpuMs: 500 });
    expect(parseStat('')).toBeUndefined();
  });

  it('reads the times of ps in every form', () => {
    const text = '   1     0   0:01.50\n  20     1  1:02:03\n 300    20 2-00:00:10\nnonsense\n';
    expect(parsePs(text).map(({ pid, parent, cpuMs }) => [pid, parent, cpuMs])).toEqual([
      [1, 0, 1500],
      [20, 1, 3_723_000],
      [300, 20, 172_810_000],
    ]);
  });

  it.skipIf(process.platform === 'win32')('finds this process alive and of a sensible size', async () => {
    expect(await readCpuMs(process.pid)).toBeGreaterThan(0);
    expect(await readResidentBytes(process.pid)).toBeGreaterThan(2 ** 20);
  });
});
