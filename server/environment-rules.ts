/** The kinds of values environment variables hold, each with the rule a person is told when it does not fit. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopbackHost } from './lib/is-loopback-host.ts';

/** Reads text, or says no by returning undefined. */
type Reader<T> = (text: string) => T | undefined;

/** A value that may be absent. `rule` completes "NAME …". */
export function optional<T>(rule: string, read: Reader<T>) {
  return z
    .string()
    .optional()
    .transform((text, context): T | null => {
      if (text === undefined) return null;
      const value = read(text);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    });
}

/** A value with a default. */
export function withDefault<T>(fallback: T, kind: ReturnType<typeof optional<T>>) {
  return kind.transform((value): T => value ?? fallback);
}

/** Both ends included; no sign, no fraction. */
export function wholeNumber(least: number, most: number) {
  return optional(`must be a whole number from ${least} to ${most}`, (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  });
}

const switchWords: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

/** The eight words of the seed's switches (product spec 3.1), in any case. */
export const onOff = optional('must be one of true, false, 1, 0, yes, no, on, off', (text) =>
  Object.hasOwn(switchWords, text.toLowerCase()) ? switchWords[text.toLowerCase()] : undefined,
);

/** Exactly one of these words, as they are written. */
export function oneOf<const Word extends string>(words: readonly Word[]) {
  return optional(`must be one of ${words.join(', ')}`, (text) => words.find((word) => word === text));
}

/** For secrets: shorter ones can be guessed. */
export function textOfAtLeast(characters: number) {
  return optional(`must be at least ${characters} characters long`, (text) =>
    text.length >= characters ? text : undefined,
  );
}

/** Anything; its meaning is checked where it is known. */
export const anyText = optional('', (text) => text);

/** RFC 1123 §2.1 host names and IP addresses, without scheme, port or path. */
const hostPattern =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

/** In lower case, as it is compared with what clients send. */
export const hostName = optional('must be a host name such as pool.example.com, without scheme, port or path', (text) =>
  isIP(text) !== 0 || hostPattern.test(text) ? text.toLowerCase() : undefined,
);

/** `localhost` means 127.0.0.1 here: the name leads to another address family on some machines. */
export const ipAddress = optional('must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0', (text) => {
  if (text.toLowerCase() === 'localhost') return '127.0.0.1';
  return isIP(text) === 0 ? undefined : text;
});

/** An origin or base URL without trailing slash; plain http only where nobody else can listen. */
export const providerUrl = optional(
  'must be an https:// address (http:// only for this machine), without query or password',
  (text) => {
    const url = URL.parse(text);
    if (!url || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined;
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname))) return undefined;
    return url.href.replace(/\/+$/, '');
  },
);

/** `ecto://` is the seed's spelling of the same thing. */
export const databaseUrl = optional('must look like postgres://USER:PASSWORD@HOST:5432/DATABASE', (text) => {
  const url = /^(postgres|postgresql|ecto):\/\//.test(text) ? URL.parse(text.replace(/^ecto:/, 'postgres:')) : null;
  return url && url.pathname.length > 1 ? url.href : undefined;
});
