import { describe, expect, it } from 'vitest';
import { renderPage } from './performance-page.ts';
import type { Results } from './results.ts';

const results: Results = {
  machine: { processor: 'a processor', cores: 2, memoryGb: 4, platform: 'linux x64', node: '24.0.0' },
  finishedAt: new Date('2026-01-02T03:04:05Z'),
  rounds: 1,
  othersShare: 0.25,
  figures: [],
  memory: [],
  leak: { residentBytes: [], liveHeapBytes: [], openLiveHeapBytes: 2, failures: 0, firstFailure: null },
  aborts: { residentBytes: [], liveHeapBytes: [6e6, 9e6], failures: 0, firstFailure: null },
  uploads: { idleBytes: 200e6, mostBytes: 450e6, failures: 0, firstFailure: null },
  coldStartMs: 4_000,
  warmStartMs: 1_000,
  choices: [],
  compression: [],
};

describe('the performance page', () => {
  it('says when, where and with which Node it was measured', () => {
    const page = renderPage(results, null);
    expect(page).toContain('2026-01-02, 1 round');
    expect(page).toContain('a processor, 2 cores, 4 GB, linux x64');
    expect(page).toContain('**Node:** 24.0.0');
    expect(page).toContain('used 25 % of the machine');
  });

  it('keeps what people wrote, and replaces everything else', () => {
    const first = renderPage(results, null);
    const edited = first
      .replace('Nothing has been written here yet.', () => 'Postgres costs $& most.\n\n- $1 and more')
      .replace('a processor', 'an old processor');
    const second = renderPage(results, edited);
    expect(second).toContain('Postgres costs $& most.\n\n- $1 and more');
    expect(second).not.toContain('an old processor');
    expect(renderPage(results, second)).toBe(second);
  });

  it('refuses to overwrite a page whose marks are gone', () => {
    expect(() => renderPage(results, '# Performance\n\nMy notes.')).toThrow(/lost the marks/);
  });
});
