/** What an account is to the engine: facts that change when an operator or a refresh changes them. */
import type { ModelAbilities } from '../catalog/model-abilities.ts';
import type { AccountStatus } from '../contract/vocabulary.ts';
import type { HeldAccount } from './held-account.ts';

export interface AccountFacts {
  readonly id: string;
  readonly label: string;
  readonly email: string | null;
  readonly plan: string | null;
  /** `refresh_failed` goes on serving until its access token has expired; the refresh is tried again meanwhile. */
  readonly status: AccountStatus;
  readonly statusReason: string | null;
  /** Sent as `chatgpt-account-id`. */
  readonly chatgptAccountId: string;
  /** Sent as `x-openai-internal-codex-residency` (wire spec B12); null when unconstrained. */
  readonly residency: string | null;
  readonly isFedramp: boolean;
  /** From accounts/check (wire spec B8): another origin for this workspace's inference, null for the default. */
  readonly backendOrigin: string | null;
  readonly routingOverride: string | null;
  readonly accessTokenExpiresAt: Date | null;
  /** Rises with every stored credential. */
  readonly credentialEpoch: number;
  readonly createdAt: Date;
  /** Ids of the Pools this account is an enabled member of. */
  readonly poolIds: readonly string[];
  /** Its model list with what it says of each; null while none was ever read, which excludes nothing. */
  readonly models: ReadonlyMap<string, ModelAbilities> | null;
  /** What changes with every answer, as the board holds it: facts are replaced, this stays. */
  readonly held: HeldAccount;
}

/** What the database itself says of an account. */
export type StoredAccountFacts = Omit<AccountFacts, 'models' | 'held'>;

/** A credential as a call needs it. Never logged, never stored in this form. */
export interface Credential {
  readonly accessToken: string;
  /** The epoch it belongs to; report it back when the provider answers 401. */
  readonly epoch: number;
}
