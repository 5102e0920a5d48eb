/**
 * Seals secrets with AES-256-GCM. Each ciphertext is bound to what it is and whose it is, so one row's secret cannot be
 * read as another's, and names the key it was made with, so keys can be exchanged without losing what is older.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from '../world/world.ts';
import type { KeyRing, RootName } from './key-ring.ts';

const algorithm = 'aes-256-gcm';
/** NIST SP 800-38D recommends 96 bits, and chance is enough at this number of secrets. */
const nonceBytes = 12;
const tagBytes = 16;

/** A secret as it is stored. `ciphertext` is the 16-byte tag followed by the encrypted text. */
export interface SealedSecret {
  readonly keyVersion: string;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
}

/** What a secret is and which row owns it. */
export interface SecretPlace {
  readonly kind: string;
  readonly ownerId: string;
}

export interface Vault {
  /** Seals with the active key. */
  seal(secret: SecretPlace & { readonly plaintext: string }): SealedSecret;
  /** @throws SecretProblem when the key is missing, or the text was changed, moved, or made with another key. */
  open(secret: SecretPlace & { readonly sealed: SealedSecret }): string;
}

/** Why a secret cannot be read: its key's version is not configured, or key, place and ciphertext do not fit. */
export type SecretProblemCode = 'secret_key_version_unavailable' | 'secret_unreadable';

/** A stored secret that cannot be read. Says which key version it needs and nothing of its content. */
export class SecretProblem extends Error {
  readonly code: SecretProblemCode;
  readonly keyVersion: string;

  constructor(code: SecretProblemCode, keyVersion: string) {
    super(`${code} (key version ${keyVersion})`);
    this.name = 'SecretProblem';
    this.code = code;
    this.keyVersion = keyVersion;
  }
}

/**
 * A vault on one root's keys.
 *
 * @example
 * const vault = createVault({ root: 'upstream', keyRing: keys.upstream, random });
 * const sealed = vault.seal({ kind: 'access_token', ownerId: account.id, plaintext: token });
 */
export function createVault({
  root,
  keyRing,
  random,
}: {
  root: RootName;
  keyRing: KeyRing;
  random: Pick<Random, 'bytes'>;
}): Vault {
  const keys = new Map([keyRing.active, ...keyRing.previous].map(({ version, key }) => [version, key]));
  return {
    seal({ plaintext, ...place }) {
      const { version: keyVersion, key } = keyRing.active;
      const nonce = random.bytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(bindingOf(place, { root, keyVersion }));
      const encrypted = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
      return { keyVersion, nonce, ciphertext: Buffer.concat([cipher.getAuthTag(), encrypted]) };
    },

    open({ sealed, ...place }) {
      const { keyVersion, nonce, ciphertext } = sealed;
      const key = keys.get(keyVersion);
      if (!key) throw new SecretProblem('secret_key_version_unavailable', keyVersion);
      if (nonce.length !== nonceBytes || ciphertext.length < tagBytes) {
        throw new SecretProblem('secret_unreadable', keyVersion);
      }
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(bindingOf(place, { root, keyVersion }));
      decipher.setAuthTag(ciphertext.subarray(0, tagBytes));
      try {
        return Buffer.concat([decipher.update(ciphertext.subarray(tagBytes)), decipher.final()]).toString('utf8');
      } catch {
        // The cause would only say "unable to authenticate data".
        throw new SecretProblem('secret_unreadable', keyVersion);
      }
    },
  };
}

/** The additional authenticated data: a list as JSON, so no two places can read alike. */
function bindingOf(
  { kind, ownerId }: SecretPlace,
  { root, keyVersion }: { root: RootName; keyVersion: string },
): Buffer {
  return Buffer.from(JSON.stringify([algorithm, root, keyVersion, kind, ownerId]));
}
