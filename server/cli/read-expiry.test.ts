import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readExpiry } from './read-expiry.ts';

const now = new Date('2026-11-23T12:00:00Z');

describe('when a key expires', () => {
  it('is a length of time', () => {
    expect(readExpiry('30d', now)).toEqual(new Date('2026-12-23T12:00:00Z'));
    expect(readExpiry('12h', now)).toEqual(new Date('2026-11-24T00:00:00Z'));
    expect(readExpiry('2w', now)).toEqual(new Date('2026-12-07T12:00:00Z'));
  });

  it('is a date or a time', () => {
    expect(readExpiry('2027-01-31', now)).toEqual(new Date('2027-01-31T00:00:00Z'));
    expect(readExpiry('2027-01-31T12:00:00+02:00', now)).toEqual(new Date('2027-01-31T10:00:00Z'));
  });

  it.each(['', 'soon', '30', '30 days', '-1d', '0d', '2026-11-23', '2027-02-30', '9999999w', '2027-01-31T12:00'])(
    'is refused for %j',
    (text) => {
      expect(() => readExpiry(text, now)).toThrow();
    },
  );

  it('is always ahead, whatever was typed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,8}[hdw]$/)), (text) => {
        let at: Date | undefined;
        try {
          at = readExpiry(text, now);
        } catch {
          return;
        }
        expect(at.getTime()).toBeGreaterThan(now.getTime());
      }),
    );
  });
});
