/** Stores an imported sign-in: a new account, or new tokens for one that is known. */
import type { Kysely } from 'kysely';
import { GatewayError } from '../contract/gateway-error.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Vault } from '../security/vault.ts';
import { findPoolId, renameAccount } from './account-store.ts';
import { addMembership } from './membership-store.ts';
import type { ImportedSignIn } from './read-auth-json.ts';
import { saveSecret } from './refresh-store.ts';
import {
  insertAccount,
  lockKnownAccount,
  renewAccountIdentity,
  takenLabels,
  type AccountIdentity,
} from './sign-in-store.ts';

export interface ImportAsk {
  readonly signIn: ImportedSignIn;
  readonly pool: string;
  readonly label: string | undefined;
  /** The id of the account, should it be new. */
  readonly newId: string;
  readonly now: Date;
}

/** What an import did. `kept` means the file was older than the tokens we hold, so those stayed. */
export interface ImportResult {
  readonly accountId: string;
  readonly outcome: 'new' | 'renewed' | 'kept';
}

/**
 * Stores the sign-in and places the account in the Pool, in one transaction. Two imports of one identity at once go one
 * after the other.
 *
 * @throws GatewayError `pool_not_found`
 */
export async function importAccount(
  db: Kysely<DB>,
  { vault, ask }: { vault: Vault; ask: ImportAsk },
): Promise<ImportResult> {
  const { signIn, label, now } = ask;
  return db.transaction().execute(async (transaction) => {
    const poolId = await findPoolId(transaction, ask.pool);
    if (poolId === null) throw new GatewayError('pool_not_found', { param: 'pool' });
    const known = await lockKnownAccount(transaction, signIn.identity);
    const accountId = known?.id ?? ask.newId;
    const outcome = known ? (isOutdated(signIn.identity, known) ? 'kept' : 'renewed') : 'new';

    if (outcome === 'new') {
      const name = label ?? (await freeLabel(transaction, signIn.identity));
      await insertAccount(transaction, { ...signIn.identity, id: accountId, label: name, onboarding: 'import', now });
    } else if (outcome === 'renewed') {
      await renewAccountIdentity(transaction, { id: accountId, identity: signIn.identity, now });
    }
    if (outcome !== 'kept') await saveTokens(transaction, { vault, accountId, signIn, now });
    if (known && label !== undefined) await renameAccount(transaction, { id: accountId, label });
    await addMembership(transaction, { poolId, accountId, now });
    await announceChange(transaction, 'accounts');
    return { accountId, outcome };
  });
}

/** Issue times are whole seconds. */
const issueToleranceMs = 1000;

/**
 * Is the file older than the tokens of a healthy account? Its refresh token was then spent by our own refresh, and
 * storing it would sign the account out.
 */
function isOutdated(
  imported: Pick<AccountIdentity, 'issuedAt'>,
  known: { status: string; refreshedAt: Date | null },
): boolean {
  if (known.status !== 'active' || known.refreshedAt === null || imported.issuedAt === null) return false;
  return imported.issuedAt.getTime() < known.refreshedAt.getTime() - issueToleranceMs;
}

async function saveTokens(
  transaction: Kysely<DB>,
  { vault, accountId, signIn, now }: { vault: Vault; accountId: string; signIn: ImportedSignIn; now: Date },
): Promise<void> {
  const tokens = [
    { kind: 'access_token', plaintext: signIn.accessToken },
    { kind: 'refresh_token', plaintext: signIn.refreshToken },
  ] as const;
  for (const { kind, plaintext } of tokens) {
    const sealed = vault.seal({ kind, ownerId: accountId, plaintext });
    await saveSecret(transaction, { accountId, kind, now, ...sealed });
  }
}

/** The e-mail, told apart by plan and then by the end of the account id when it is taken. */
async function freeLabel(transaction: Kysely<DB>, identity: AccountIdentity): Promise<string> {
  const { email, plan, chatgptAccountId } = identity;
  const name = (email ?? 'ChatGPT account').slice(0, 120);
  const last = `${name} (${chatgptAccountId.slice(-6)})`;
  const candidates = [
    ...(email === null ? [] : [name]),
    ...(plan === null ? [] : [`${name} (${plan.slice(0, 30)})`]),
    last,
  ];
  const taken = await takenLabels(transaction, candidates);
  return candidates.find((candidate) => !taken.has(candidate)) ?? last;
}
