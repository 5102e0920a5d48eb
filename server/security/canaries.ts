/**
 * One known text sealed per root key and version. A wrong key under a known version label would make every stored
 * secret unreadable one by one; with the canary it stops the start with one sentence (product spec 3.4).
 */
import type { Kysely } from 'kysely';
import { StartProblem } from '../data-folder/start-problem.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Random } from '../world/world.ts';
import type { KeyRing, RootName } from './key-ring.ts';
import { createVault, SecretProblem } from './vault.ts';

const canaryText = 'codex-pooler root key canary';

/**
 * Checks every key of a root against what was sealed with its version before, and seals a canary for versions that are
 * new. `keySource` is what the message names: the variable (or file) the keys come from.
 *
 * @throws StartProblem `keys_unreadable` when a key does not match its version
 */
export async function checkCanaries(
  db: Kysely<DB>,
  {
    root,
    keyRing,
    keySource,
    random,
  }: { root: RootName; keyRing: KeyRing; keySource: string; random: Pick<Random, 'bytes'> },
): Promise<void> {
  for (const key of [keyRing.active, ...keyRing.previous]) {
    const vault = createVault({ root, keyRing: { active: key, previous: [] }, random });
    const place = { kind: 'canary', ownerId: root };
    const { keyVersion, nonce, ciphertext } = vault.seal({ ...place, plaintext: canaryText });
    await db
      .insertInto('rootKeyCanaries')
      .values({ root, keyVersion, nonce, ciphertext })
      .onConflict((conflict) => conflict.columns(['root', 'keyVersion']).doNothing())
      .execute();
    // Read back, so of two processes that start at once with different keys only one goes on.
    const sealed = await db
      .selectFrom('rootKeyCanaries')
      .select(['keyVersion', 'nonce', 'ciphertext'])
      .where('root', '=', root)
      .where('keyVersion', '=', key.version)
      .executeTakeFirstOrThrow();
    try {
      vault.open({ ...place, sealed });
    } catch (error) {
      if (!(error instanceof SecretProblem)) throw error;
      throw new StartProblem('keys_unreadable', {
        sentence:
          `${keySource} does not match the key used before for version ${key.version}. ` +
          'Put the former key back; to change keys, give the new one a new version and keep the former among the previous keys.',
        cause: error,
      });
    }
  }
}
