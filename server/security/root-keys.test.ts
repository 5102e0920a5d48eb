import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepingLog, quietLog } from '../../test/support/quiet-log.ts';
import { systemRandom } from '../world/real-world.ts';
import { parseRootKey, renderRootKey } from './key-ring.ts';
import { type GivenRootKeys, keyFileOf, openRootKeys, type RootKeys } from './root-keys.ts';

const nothing: GivenRootKeys = { upstream: null, totp: null, cookieSecret: null };
let dataFolder: string;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'keys-'));
});
afterEach(() => rm(dataFolder, { recursive: true }));

function open(given = nothing, log = quietLog): Promise<RootKeys> {
  return openRootKeys({ dataFolder, given, random: systemRandom, log });
}

describe('a root key as text', () => {
  it('is base64 of 32 bytes, in either alphabet, and comes back the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const key = Buffer.from(bytes);
        expect(parseRootKey(renderRootKey(key))).toEqual(key);
        expect(parseRootKey(key.toString('base64url'))).toEqual(key);
      }),
    );
  });

  it('is nothing else: other lengths and stray characters are refused', () => {
    for (const bytes of [0, 16, 31, 33, 64])
      expect(parseRootKey(randomBytes(bytes).toString('base64'))).toBeUndefined();
    expect(parseRootKey(`${'A'.repeat(42)}*=`)).toBeUndefined();
    expect(parseRootKey('k'.repeat(32))).toEqual(Buffer.from('k'.repeat(32)));
  });
});

describe('without keys in the environment', () => {
  it('makes them once, keeps them closed to others, and finds them again', async () => {
    const first = await open();
    expect(first.upstream.active).toMatchObject({ version: 'v1', key: expect.any(Buffer) });
    expect(first.upstream.active.key).toHaveLength(32);
    expect(first.upstream.active.key.equals(first.totp.active.key)).toBe(false);
    expect((await stat(keyFileOf(dataFolder))).mode & 0o777).toBe(0o600);
    expect(await open()).toEqual(first);
    expect(await readdir(dataFolder)).toEqual(['keys.json']);
  });

  it('reads a ring with older versions', async () => {
    const [active, older] = [randomBytes(32), randomBytes(32)];
    const ring = { active: 'v2', keys: { v1: renderRootKey(older), v2: renderRootKey(active) } };
    await writeFile(keyFileOf(dataFolder), JSON.stringify({ format: 1, upstream: ring }), { mode: 0o600 });
    const keys = await open();
    expect(keys.upstream).toEqual({
      active: { version: 'v2', key: active },
      previous: [{ version: 'v1', key: older }],
    });
    // What was missing was added, and what was there kept.
    expect(JSON.parse(await readFile(keyFileOf(dataFolder), 'utf8'))).toMatchObject({
      upstream: ring,
      totp: { active: 'v1' },
    });
  });

  it('closes a file that others could read, and says so', async () => {
    const first = await open();
    await chmod(keyFileOf(dataFolder), 0o644);
    const log = keepingLog();
    expect(await open(nothing, log)).toEqual(first);
    expect((await stat(keyFileOf(dataFolder))).mode & 0o777).toBe(0o600);
    expect(log.events.map(({ event }) => event)).toContain('key_file_closed_to_others');
  });

  it.each([
    ['half a file', '{"format": 1, "upstr'],
    ['a newer format', '{"format": 2}'],
    ['a short key', '{"format": 1, "upstream": {"active": "v1", "keys": {"v1": "c2hvcnQ="}}}'],
    [
      'an active version without a key',
      `{"format": 1, "upstream": {"active": "v9", "keys": {"v1": "${'A'.repeat(43)}="}}}`,
    ],
    ['an empty file', ''],
  ])('refuses %s, leaves it untouched and quotes nothing of it', async (_situation, text) => {
    await writeFile(keyFileOf(dataFolder), text, { mode: 0o600 });
    const problem = await open().catch((error: unknown) => error);
    expect(problem).toMatchObject({
      code: 'keys_unreadable',
      exitCode: 78,
      sentence: expect.stringContaining(keyFileOf(dataFolder)),
    });
    expect(String(problem)).not.toContain('c2hvcnQ');
    if (!text.includes('v9')) expect(await readFile(keyFileOf(dataFolder), 'utf8')).toBe(text);
  });
});

describe('with keys in the environment', () => {
  it('makes no file when everything is given', async () => {
    const ring = { active: { version: 'v1', key: randomBytes(32) }, previous: [] };
    expect(await open({ upstream: ring, totp: ring, cookieSecret: 'x'.repeat(64) })).toEqual({
      upstream: ring,
      totp: ring,
      cookieSecret: 'x'.repeat(64),
    });
    expect(await readdir(dataFolder)).toEqual([]);
  });

  it('prefers what is given and keeps only what is not', async () => {
    const ring = { active: { version: 'v5', key: randomBytes(32) }, previous: [] };
    const keys = await open({ ...nothing, upstream: ring });
    expect(keys.upstream).toBe(ring);
    expect(Object.keys(JSON.parse(await readFile(keyFileOf(dataFolder), 'utf8')) as object)).toEqual([
      'format',
      'totp',
      'cookieSecret',
    ]);
  });
});
