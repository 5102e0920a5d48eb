/** Limits and credits as the headers of any answer tell them. */
import { describe, expect, it } from 'vitest';
import { brief, readAt as now } from '../../test/support/brief-readings.ts';
import { readQuotaHeaders } from './read-quota.ts';

const seconds = now.getTime() / 1000;

describe('headers', () => {
  it('reads what a real Pro account was recorded to send: weekly primary, no secondary, Python booleans', () => {
    const evidence = readQuotaHeaders(
      new Map([
        ['X-Codex-Active-Limit', 'codex'],
        ['x-codex-plan-type', 'pro'],
        ['x-codex-primary-used-percent', '22'],
        ['x-codex-primary-window-minutes', '10080'],
        ['x-codex-primary-reset-at', String(seconds + 1000)],
        ['x-codex-primary-reset-after-seconds', '1000'],
        ['x-codex-primary-over-secondary-limit-percent', '0'],
        ['x-codex-secondary-used-percent', '0'],
        ['x-codex-secondary-window-minutes', '0'],
        ['x-codex-secondary-reset-at', ''],
        ['x-codex-credits-balance', '0'],
        ['x-codex-credits-has-credits', 'False'],
        ['x-codex-credits-unlimited', 'False'],
      ]),
      now,
    );
    expect(brief(evidence.readings)).toEqual([['codex', 10_080, 22, 1000]]);
    expect(evidence).toMatchObject({
      plan: 'pro',
      activeMeter: 'codex',
      credits: { hasCredits: false, unlimited: false, balance: '0', observedAt: now },
    });
  });

  it('keeps meters apart, one limit of a model under one name', () => {
    const { readings } = readQuotaHeaders(
      [
        ['x-codex-primary-used-percent', '1'],
        ['x-codex-primary-window-minutes', '300'],
        ['x-codex-bengalfox-primary-used-percent', '100'],
        ['x-codex-bengalfox-primary-window-minutes', '300'],
        ['x-codex-bengalfox-primary-reset-after-seconds', '60'],
        ['x-codex-bengalfox-limit-name', 'GPT-5.3-Codex-Spark'],
      ],
      now,
    );
    expect(brief(readings)).toEqual([
      ['codex', 300, 1, null],
      ['codex_spark', 300, 100, 60],
    ]);
  });

  it.each([
    ['below 0', { 'used-percent': '-1', 'window-minutes': '300' }],
    ['above 100', { 'used-percent': '101', 'window-minutes': '300' }],
    ['that is no number', { 'used-percent': 'NaN', 'window-minutes': '300' }],
    ['without a window', { 'used-percent': '100' }],
    ['of a window of no length', { 'used-percent': '100', 'window-minutes': '0' }],
    ['of a window of no whole length', { 'used-percent': '100', 'window-minutes': 'five' }],
  ])('read no percentage %s', (_, parts) => {
    const headers = Object.entries(parts).map(([part, value]) => [`x-codex-primary-${part}`, value] as const);
    expect(readQuotaHeaders(headers, now).readings).toEqual([]);
  });

  it('reads nothing from headers that say nothing', () => {
    expect(readQuotaHeaders([['content-type', 'text/html']], now)).toEqual({
      readings: [],
      plan: null,
      credits: null,
      activeMeter: null,
    });
  });
});
