import { describe, expect, it } from 'vitest';
import { readAt as now } from '../../test/support/brief-readings.ts';
import { readRetryAfterMs } from './read-retry-after.ts';

describe('how long to wait', () => {
  it.each([
    ['2', null, 2000],
    ['1.5', null, 1500],
    [new Date(now.getTime() + 30_000).toUTCString(), null, 30_000],
    [null, 'Rate limit reached for gpt. Please try again in 1.5s.', 1500],
    [null, 'try again in 20ms', 20],
    [null, 'Please try again in 1m30s.', 90_000],
    [null, 'try again in 12 seconds', 12_000],
    ['999999999', null, 3_600_000],
    ['-5', null, null],
    // By another clock than ours: how long it is to wait, nobody knows.
    [new Date(now.getTime() - 30_000).toUTCString(), null, null],
    [new Date(now.getTime() - 30_000).toUTCString(), 'Please try again in 2s.', 2000],
    ['soon', 'later', null],
    [undefined, undefined, null],
  ])('header %s and message %s mean %s ms', (header, message, expected) => {
    expect(readRetryAfterMs({ header, message, now })).toBe(expected);
  });
});
