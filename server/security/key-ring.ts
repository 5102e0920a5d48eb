/** A root's keys by version: one that seals, and older ones that only open what was sealed with them. */

/** What a root protects (product spec 3.2): provider credentials and other secrets, or sign-in seeds only. */
export type RootName = 'upstream' | 'totp';

export interface RootKey {
  /** Written beside every ciphertext, so the right key is found again. */
  readonly version: string;
  /** 32 bytes, for AES-256-GCM. */
  readonly key: Buffer;
}

export interface KeyRing {
  readonly active: RootKey;
  /** Decrypt only. */
  readonly previous: readonly RootKey[];
}

/** Names of a root's three settings, and what they hold; absent ones are undefined. */
export interface KeyRingText {
  readonly key: { readonly name: string; readonly text: string | undefined };
  readonly version: { readonly name: string; readonly text: string | undefined };
  readonly previous: { readonly name: string; readonly text: string | undefined };
}

export interface KeyRingProblem {
  readonly name: string;
  readonly rule: string;
}

export type KeyRingReading =
  | { readonly kind: 'ring'; readonly ring: KeyRing }
  /** No active key was given; a ring must come from elsewhere. */
  | { readonly kind: 'none' }
  | { readonly kind: 'problems'; readonly problems: readonly KeyRingProblem[] };

/** Product spec 3.4. */
const versionPattern = /^[A-Za-z0-9._-]{1,32}$/;
/** What AES-256 takes. */
export const keyBytes = 32;

const keyRule = 'must be 32 raw bytes or base64-encoded 32 bytes';
const versionRule = 'must be 1 to 32 letters, digits, dots, underscores or hyphens';
const previousRule = 'must be a list like v1:BASE64,v0:BASE64, each key base64-encoded 32 bytes';

/**
 * Reads a ring from text (product spec 3.4). Problems name the setting and the rule, never what was given.
 *
 * @example
 * parseKeyRing({
 *   key: { name: 'CODEX_POOLER_TOTP_ENCRYPTION_KEY', text: base64 },
 *   version: { name: 'CODEX_POOLER_TOTP_KEY_VERSION', text: 'v2' },
 *   previous: { name: 'CODEX_POOLER_TOTP_PREVIOUS_KEYS', text: `v1:${olderBase64}` },
 * });
 */
export function parseKeyRing(text: KeyRingText): KeyRingReading {
  const problems: KeyRingProblem[] = [];
  const version = text.version.text ?? 'v1';
  if (!versionPattern.test(version)) problems.push({ name: text.version.name, rule: versionRule });
  const key = text.key.text === undefined ? undefined : parseRootKey(text.key.text);
  if (text.key.text !== undefined && !key) problems.push({ name: text.key.name, rule: keyRule });
  const previous = parsePrevious(text.previous.text);
  if (!previous) problems.push({ name: text.previous.name, rule: previousRule });
  else if (new Set([version, ...previous.map((older) => older.version)]).size !== previous.length + 1) {
    problems.push({ name: text.previous.name, rule: 'must name each version once and not repeat the active one' });
  }
  // A version alone is harmless: Compose files set it by default while the key stays blank.
  if (text.key.text === undefined && text.previous.text !== undefined) {
    problems.push({ name: text.key.name, rule: `must be set when ${text.previous.name} is set` });
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  return key && previous ? { kind: 'ring', ring: { active: { version, key }, previous } } : { kind: 'none' };
}

/** 32 bytes from base64 (either alphabet, padding optional) or from text of exactly 32 bytes; otherwise undefined. */
export function parseRootKey(text: string): Buffer | undefined {
  const raw = Buffer.from(text, 'utf8');
  if (raw.length === keyBytes) return raw;
  return parseBase64Key(text);
}

/** The stored form of a key. */
export function renderRootKey(key: Buffer): string {
  return key.toString('base64');
}

/** Whether a word may label a key. */
export function isKeyVersion(text: string): boolean {
  return versionPattern.test(text);
}

function parsePrevious(text: string | undefined): RootKey[] | undefined {
  if (text === undefined) return [];
  const keys: RootKey[] = [];
  for (const entry of text.split(',')) {
    const [version = '', encoded = ''] = entry.trim().split(/:(.*)/s);
    const key = parseBase64Key(encoded);
    if (!versionPattern.test(version) || !key) return undefined;
    keys.push({ version, key });
  }
  return keys;
}

/** Node's decoder skips what it does not know, so the shape is checked first: 43 digits of 6 bits hold 32 bytes. */
function parseBase64Key(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const key = Buffer.from(text, 'base64');
  return key.length === keyBytes ? key : undefined;
}
