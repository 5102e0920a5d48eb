import { describe, expect, it } from 'vitest';
import type { RoundFigures } from './measure-rounds.ts';
import { failuresOf, summarize, type Results } from './results.ts';
import type { TargetName } from './targets.ts';
import { judge } from './verdicts.ts';

function figures(target: TargetName, values: Partial<RoundFigures>): RoundFigures {
  return {
    scenario: 'stream-12k',
    target,
    round: 0,
    firstByteP50: 1,
    firstByteP99: 2,
    requestsPerSecond: 100,
    cpuMs: 1,
    databaseCpuMs: Number.NaN,
    coreShare: 0.5,
    sandboxCoreShare: 0.5,
    failures: 0,
    firstFailure: null,
    ...values,
  };
}

const twoRounds = [
  figures('direct', { round: 0, firstByteP50: 1 }),
  figures('pipe', { round: 0, firstByteP50: 2, requestsPerSecond: 400 }),
  figures('ours', { round: 0, firstByteP50: 3, requestsPerSecond: 200, cpuMs: 3 }),
  // The machine was ten times slower for a while; the ratios are the same.
  figures('direct', { round: 1, firstByteP50: 10 }),
  figures('pipe', { round: 1, firstByteP50: 20, requestsPerSecond: 40 }),
  figures('ours', { round: 1, firstByteP50: 30, requestsPerSecond: 20, cpuMs: 3 }),
];

const results: Results = {
  machine: { processor: 'a processor', cores: 2, memoryGb: 4, platform: 'linux x64', node: '24.0.0' },
  finishedAt: new Date('2026-01-02T03:04:05Z'),
  rounds: 2,
  othersShare: 0.1,
  figures: twoRounds,
  memory: [
    {
      target: 'ours',
      idleBytes: 150e6,
      openBytes: 200e6,
      bytesPerStream: 120_001,
      bytesPerSocket: Number.NaN,
      bytesPerPublicSocket: Number.NaN,
      databaseBytes: Number.NaN,
      failures: 0,
      firstFailure: null,
    },
  ],
  leak: { residentBytes: [1, 1], liveHeapBytes: [1, 1], openLiveHeapBytes: 2, failures: 0, firstFailure: null },
  aborts: { residentBytes: [], liveHeapBytes: [6e6, 9e6], failures: 0, firstFailure: null },
  uploads: { idleBytes: 200e6, mostBytes: 450e6, failures: 0, firstFailure: null },
  coldStartMs: 4_000,
  warmStartMs: Number.NaN,
  choices: [
    { strategy: 'bridge_ring', pool: 'calm', choiceUs: 60, recordedUs: 70 },
    { strategy: 'quota_first', pool: 'calm', choiceUs: 100.4, recordedUs: 110 },
  ],
  compression: [{ look: 'first', ms: 30, heldMs: 4, worstHeldMs: 9, sentShare: 0.5 }],
};

describe('a summary of rounds', () => {
  it('takes what is added from the direct way of the same round, and sets it against the pipe of that round', () => {
    const ours = summarize(twoRounds, { scenario: 'stream-12k', target: 'ours' });
    expect(ours.addedP50).toBe(11);
    expect(ours.addedP50OfPipe).toBe(2);
    expect(ours.throughputOfPipe).toBe(0.5);
    expect(ours.cpuOfPipe).toBe(3);
    expect(ours.requestsPerSecond).toBe(110);
  });

  it('says what is added also where no pipe was asked', () => {
    const ours = summarize(
      [
        figures('direct', { scenario: 'turns-300', firstByteP50: 1 }),
        figures('ours', { scenario: 'turns-300', firstByteP50: 4 }),
      ],
      { scenario: 'turns-300', target: 'ours' },
    );
    expect(ours).toMatchObject({ addedP50: 3, addedP50OfPipe: Number.NaN, throughputOfPipe: Number.NaN });
  });

  it('adds nothing to the direct way, and knows nothing of what was not measured', () => {
    expect(summarize(twoRounds, { scenario: 'stream-12k', target: 'direct' }).addedP50).toBeNaN();
    expect(summarize(twoRounds, { scenario: 'stream-12k', target: 'koa' }).requestsPerSecond).toBeNaN();
  });
});

describe('the verdicts', () => {
  const verdicts = judge(results);
  const of = (start: string) => verdicts.find(({ expected }) => expected.startsWith(start));

  it('hold a number to its line, the line itself being good enough', () => {
    expect(of('60 events, 12 kB request: throughput')).toMatchObject({ measured: '0.50×', isKept: false });
    expect(of('60 events, 12 kB request: added')).toMatchObject({ measured: '2.00×', isKept: true });
    expect(of('resident at rest')).toMatchObject({ measured: '150 MB', isKept: true });
    expect(of('per open stream')).toMatchObject({ isKept: false });
    expect(of('cold start')).toMatchObject({ measured: '4 s', isKept: true });
    expect(of('choosing one of 1,000 accounts, all may serve')).toMatchObject({ measured: '100 µs', isKept: false });
  });

  it('are open where nothing was measured', () => {
    expect(of('warm start')).toMatchObject({ measured: '–', isKept: null });
    expect(of('300 paced streams: throughput')).toMatchObject({ isKept: null });
    expect(of('choosing one of 1,000 accounts, a fifth in trouble')).toMatchObject({ isKept: null });
  });
});

describe('failed requests', () => {
  it('are named with their place, and there are none in a good run', () => {
    expect(failuresOf(results)).toEqual([]);
    const broken = { ...results, figures: [figures('koa', { failures: 2, firstFailure: 'status 503' })] };
    expect(failuresOf(broken)).toEqual(['stream-12k through koa, round 1: 2 failed, first: status 503']);
  });
});
