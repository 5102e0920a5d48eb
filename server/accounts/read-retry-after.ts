/** How long the provider asks us to wait: the `retry-after` header, or the hint in a speed limit's message. Pure. */
import { numberOf } from './quota-fields.ts';

/** Longer waits are no speed limit; whoever asks for one gets this much. */
const longestRetryAfterMs = 60 * 60_000;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * The wait in milliseconds, at most an hour, or null when none is asked for. The header counts first: seconds or an
 * HTTP date (RFC 9110 § 10.2.3). The message is searched for "try again in 1.5s" (wire spec D3.6).
 *
 * @example readRetryAfterMs({ header: answer.headers.get('retry-after'), message: null, now })
 */
export function readRetryAfterMs({
  header,
  message,
  now,
}: {
  header: string | null | undefined;
  message: string | null | undefined;
  now: Date;
}): number | null {
  const asked = readHeader(header ?? '', now) ?? readMessage(message ?? '');
  return asked === null ? null : Math.ceil(Math.min(Math.max(asked, 0), longestRetryAfterMs));
}

function readHeader(header: string, now: Date): number | null {
  const seconds = numberOf(header);
  if (seconds !== null) return seconds >= 0 ? seconds * 1000 : null;
  const at = /^[A-Za-z]{3},? /.test(header) ? Date.parse(header) : Number.NaN;
  // One that is past was written by another clock than ours, and says nothing of how long.
  return at > now.getTime() ? at - now.getTime() : null;
}

function readMessage(message: string): number | null {
  const hint = /try again in ((?:\d+(?:\.\d+)?\s*(?:ms|s|m|h)[a-z]*\s*){1,3})/i.exec(message.slice(0, 2000))?.[1];
  if (hint === undefined) return null;
  const parts = [...hint.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h)/gi)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitMs[unit!.toLowerCase()] ?? 0), 0);
}
