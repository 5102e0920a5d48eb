import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { StartProblem } from '../data-folder/start-problem.ts';
import { systemRandom as random } from '../world/real-world.ts';
import { checkCanaries } from './canaries.ts';
import type { KeyRing, RootKey } from './key-ring.ts';
import { createVault, SecretProblem, type SealedSecret } from './vault.ts';

const key = (version: string): RootKey => ({ version, key: random.bytes(32) });
const v1 = key('v1');
const v2 = key('v2');
const vaultOf = (active: RootKey, ...previous: RootKey[]) =>
  createVault({ root: 'upstream', keyRing: { active, previous }, random });
const place = { kind: 'access_token', ownerId: 'account-1' };

function problemOf(open: () => unknown): SecretProblem {
  try {
    open();
  } catch (error) {
    if (error instanceof SecretProblem) return error;
    throw error;
  }
  throw new Error('it was opened');
}

describe('sealing', () => {
  it('opens what it sealed, whatever the text', () => {
    const vault = vaultOf(v1);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (plaintext) => {
        const sealed = vault.seal({ ...place, plaintext });
        expect(vault.open({ ...place, sealed })).toBe(plaintext);
      }),
    );
  });

  it('stores a 12-byte nonce and the tag before the text, never the same twice', () => {
    const vault = vaultOf(v1);
    const first = vault.seal({ ...place, plaintext: 'token' });
    const second = vault.seal({ ...place, plaintext: 'token' });
    expect([first.nonce.length, first.ciphertext.length, first.keyVersion]).toEqual([12, 16 + 5, 'v1']);
    expect(first.nonce.equals(second.nonce)).toBe(false);
    expect(first.ciphertext.includes('token')).toBe(false);
  });

  it('opens with the key of the stored version after the active one changed', () => {
    const sealed = vaultOf(v1).seal({ ...place, plaintext: 'token' });
    const vault = vaultOf(v2, v1);
    expect(vault.open({ ...place, sealed })).toBe('token');
    expect(vault.seal({ ...place, plaintext: 'token' }).keyVersion).toBe('v2');
  });
});

describe('what does not open', () => {
  const sealed = vaultOf(v1).seal({ ...place, plaintext: 'token-canary' });

  it('a secret whose key version is missing, and says which', () => {
    expect(problemOf(() => vaultOf(v2).open({ ...place, sealed }))).toMatchObject({
      code: 'secret_key_version_unavailable',
      keyVersion: 'v1',
    });
  });

  it.each([
    ['another row', { ...place, ownerId: 'account-2' }],
    ['another kind', { ...place, kind: 'refresh_token' }],
  ])('a secret moved to %s', (_, elsewhere) => {
    expect(problemOf(() => vaultOf(v1).open({ ...elsewhere, sealed })).code).toBe('secret_unreadable');
  });

  it('a secret of another root', () => {
    const other = createVault({ root: 'totp', keyRing: { active: v1, previous: [] }, random });
    expect(problemOf(() => other.open({ ...place, sealed })).code).toBe('secret_unreadable');
  });

  it('a secret with any byte changed, or cut', () => {
    fc.assert(
      fc.property(fc.nat(sealed.ciphertext.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const ciphertext = Buffer.from(sealed.ciphertext);
        ciphertext[index]! ^= change;
        const changed: SealedSecret[] = [
          { ...sealed, ciphertext },
          { ...sealed, ciphertext: sealed.ciphertext.subarray(0, index) },
          { ...sealed, nonce: sealed.nonce.subarray(0, index % 12) },
        ];
        for (const one of changed) {
          const error = problemOf(() => vaultOf(v1).open({ ...place, sealed: one }));
          expect(error.code).toBe('secret_unreadable');
          expect(`${error.stack}`).not.toContain('token-canary');
        }
      }),
    );
  });
});

describe('canaries', () => {
  let database: TestDatabase;
  beforeAll(async () => void (database = await testDatabase()));
  afterAll(() => database.stop());
  const check = (keyRing: KeyRing) =>
    checkCanaries(database.db, { root: 'upstream', keyRing, keySource: 'CODEX_POOLER_UPSTREAM_KEY', random });

  it('let the same keys start again and again, and new versions join', async () => {
    await check({ active: v1, previous: [] });
    await check({ active: v2, previous: [v1] });
    await check({ active: v1, previous: [] });
  });

  it('stop a start with another key under a known version, naming variable and version', async () => {
    await check({ active: v1, previous: [] });
    const failure = await check({ active: key('v1'), previous: [] }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StartProblem);
    expect((failure as StartProblem).sentence).toContain(
      'CODEX_POOLER_UPSTREAM_KEY does not match the key used before for version v1',
    );
  });
});
