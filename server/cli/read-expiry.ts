/** Reads lengths of time such as `30d`, and when a key shall expire: after such a length, or on a date. */
import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
/** Beyond this a mistyped number is likelier than a wish, and dates come near their end. */
const longestMs = 100 * 366 * unitMs.d;

/** @throws {InvalidArgumentError} for anything else, and for moments that are past or a century away. */
export function readExpiry(text: string, now: Date): Date {
  const at = readMoment(text.trim(), now);
  if (!at)
    throw new InvalidArgumentError(
      'Use a date such as 2027-01-31 (UTC), a time such as 2027-01-31T12:00:00Z, or a length such as 12h, 30d, 8w.',
    );
  const aheadMs = at.getTime() - now.getTime();
  if (aheadMs <= 0) throw new InvalidArgumentError('That is in the past.');
  if (aheadMs > longestMs) throw new InvalidArgumentError('That is more than a century away.');
  return at;
}

function readMoment(text: string, now: Date): Date | undefined {
  const ms = readLengthMs(text);
  // Beyond what a Date can hold it is too far away in any case.
  if (ms !== undefined) return new Date(now.getTime() + Math.min(ms, 2 * longestMs));
  if (z.iso.date().safeParse(text).success) return new Date(`${text}T00:00:00Z`);
  return z.iso.datetime({ offset: true }).safeParse(text).success ? new Date(text) : undefined;
}

/** @example readLengthMs('24h') // 86_400_000 */
export function readLengthMs(text: string): number | undefined {
  const length = /^(\d{1,7})([mhdw])$/.exec(text);
  return length?.[1] && length[2] ? Number(length[1]) * unitMs[length[2] as keyof typeof unitMs] : undefined;
}
