import { describe, expect, it } from 'vitest';
import { statusOf } from './key-status.ts';

describe('the state of a key', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const none = { revokedAt: null, expiresAt: null, pausedAt: null };
  it('is the most final of its dates', () => {
    expect(statusOf(none, now)).toBe('active');
    expect(statusOf({ ...none, pausedAt: now }, now)).toBe('paused');
    expect(statusOf({ ...none, pausedAt: now, expiresAt: now }, now)).toBe('expired');
    expect(statusOf({ revokedAt: now, expiresAt: now, pausedAt: now }, now)).toBe('revoked');
    expect(statusOf({ ...none, expiresAt: new Date(now.getTime() + 1) }, now)).toBe('active');
  });
});
