/**
 * One refresh of one account by the holder of its claim: ask the provider, store what came, end the claim. The call
 * happens outside any transaction; the fencing number decides whether its result still counts.
 */
import type { Kysely } from 'kysely';
import type { AccountSecretKind } from '../contract/vocabulary.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import { readJwtClaims } from '../security/tokens.ts';
import { SecretProblem, type Vault } from '../security/vault.ts';
import type { Clock, Log, Random } from '../world/world.ts';
import type { Credential } from './account.ts';
import {
  confirmedOutcome,
  refreshBackoffMs,
  type AskForTokens,
  type RefreshOutcome,
  type RefreshReason,
  type RenewedTokens,
} from './refresh-outcome.ts';
import {
  finishFailed,
  finishRenewed,
  markRefreshUncertain,
  saveSecret,
  selectSecret,
  type RefreshClaim,
  type RefreshState,
} from './refresh-store.ts';

/** What a refresh works with. */
export interface RefreshParts {
  readonly db: Kysely<DB>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly askForTokens: AskForTokens;
}

/** A claimed refresh. `state` is the account as it was before the claim. */
export interface RefreshRun {
  readonly accountId: string;
  readonly epoch: number;
  readonly reason: RefreshReason;
  readonly claim: RefreshClaim;
  readonly state: RefreshState;
}

export type RefreshRunResult =
  | { readonly kind: 'renewed'; readonly credential: Credential }
  | { readonly kind: 'signed_out' | 'failed_for_now' }
  /** The fence moved on (a newer sign-in, a removal, another refresher): look at the account again. */
  | { readonly kind: 'superseded' };

/** How often storing new tokens is tried, a second apart. Giving up loses the only copy of a single-use token. */
const storeAttempts = 60;

/** Carries out a claimed refresh. Rejects only when the database stays out of reach; the claim then runs out. */
export async function runRefresh(parts: RefreshParts, run: RefreshRun): Promise<RefreshRunResult> {
  const { log, clock } = parts;
  const { accountId, reason, claim } = run;
  if (claim.tookOver) log.warn('account_refresh_taken_over', { accountId, fence: claim.fence });
  const token = await readRefreshToken(parts, accountId);
  if ('outcome' in token) return fail(parts, { run, outcome: token.outcome });

  let outcome = await parts.askForTokens({ refreshToken: token.text, reason });
  if (outcome.kind === 'uncertain') {
    log.warn('account_refresh_uncertain', { accountId, reason: outcome.reason, fence: claim.fence });
    const isOurs = await markRefreshUncertain(parts.db, { accountId, fence: claim.fence, now: clock.now() });
    if (!isOurs) return superseded(parts, run);
    outcome = await parts.askForTokens({ refreshToken: token.text, reason });
  }
  return outcome.kind === 'renewed' ? succeed(parts, { run, tokens: outcome.tokens }) : fail(parts, { run, outcome });
}

type Failure = Exclude<RefreshOutcome, { kind: 'renewed' }>;

async function readRefreshToken(
  { db, vault }: RefreshParts,
  accountId: string,
): Promise<{ text: string } | { outcome: Failure }> {
  const sealed = await selectSecret(db, { accountId, kind: 'refresh_token' });
  if (!sealed) return { outcome: { kind: 'terminal', reason: 'refresh_token_missing' } };
  try {
    return { text: vault.open({ kind: 'refresh_token', ownerId: accountId, sealed }) };
  } catch (error) {
    // Putting the key back repairs it, so this is no reason to sign in again.
    if (error instanceof SecretProblem) return { outcome: { kind: 'transient', reason: error.code } };
    throw error;
  }
}

async function succeed(
  parts: RefreshParts,
  { run, tokens }: { run: RefreshRun; tokens: RenewedTokens },
): Promise<RefreshRunResult> {
  const stored = await storeStubbornly(parts, () => store(parts, { run, tokens }));
  if (stored === null) return superseded(parts, run);
  const { accountId, reason } = run;
  parts.log.info('account_refreshed', { accountId, reason, epoch: stored.epoch, fence: run.claim.fence });
  return { kind: 'renewed', credential: stored };
}

/** Stores tokens, epoch and state in one transaction; null and nothing stored when the fence has moved on. */
async function store(
  { db, vault, clock }: RefreshParts,
  { run, tokens }: { run: RefreshRun; tokens: RenewedTokens },
): Promise<Credential | null> {
  const { accountId, claim } = run;
  const now = clock.now();
  const texts: [AccountSecretKind, string | null][] = [
    ['access_token', tokens.accessToken],
    ['refresh_token', tokens.refreshToken],
  ];
  return db.transaction().execute(async (transaction) => {
    const facts = factsOf(tokens, now);
    const finished = await finishRenewed(transaction, { accountId, fence: claim.fence, now, ...facts });
    if (finished === null) return null;
    for (const [kind, text] of texts) {
      if (text === null) continue;
      await saveSecret(transaction, {
        accountId,
        kind,
        now,
        ...vault.seal({ kind, ownerId: accountId, plaintext: text }),
      });
    }
    await announceChange(transaction, 'accounts');
    const accessToken = tokens.accessToken ?? (await storedAccessToken({ transaction, vault, accountId }));
    return { accessToken, epoch: finished.epoch };
  });
}

async function storedAccessToken(of: {
  transaction: RefreshParts['db'];
  vault: RefreshParts['vault'];
  accountId: string;
}): Promise<string> {
  const sealed = await selectSecret(of.transaction, { accountId: of.accountId, kind: 'access_token' });
  // A row without access token and an answer without one: nothing to call with, which the provider will say.
  return sealed ? of.vault.open({ kind: 'access_token', ownerId: of.accountId, sealed }) : '';
}

function factsOf(tokens: RenewedTokens, now: Date): { accessTokenExpiresAt: Date | null; plan: string | null } {
  const access = readJwtClaims(tokens.accessToken ?? '');
  const identity = readJwtClaims(tokens.idToken ?? '');
  const { expiresInSeconds } = tokens;
  const named = tokens.accessToken !== null && expiresInSeconds !== null;
  return {
    accessTokenExpiresAt: access.expiresAt ?? (named ? new Date(now.getTime() + expiresInSeconds * 1000) : null),
    plan: identity.plan ?? access.plan,
  };
}

/** The old token is spent and the new one exists only here: a database that blinks must not lose it. */
async function storeStubbornly<T>({ clock, log }: RefreshParts, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= storeAttempts) throw error;
      if (tries === 1) log.error('account_tokens_not_stored', { attempt: tries });
      await clock.sleep(1000);
    }
  }
}

async function fail(
  parts: RefreshParts,
  { run, outcome: raw }: { run: RefreshRun; outcome: Failure },
): Promise<RefreshRunResult> {
  const { accountId, claim, state } = run;
  const now = parts.clock.now();
  const failedBefore = { reason: state.statusReason, since: state.statusChangedAt };
  const outcome = confirmedOutcome(raw, { failedBefore, now });
  const isTerminal = outcome.kind === 'terminal';
  const retryAfterMs = outcome.kind === 'transient' ? outcome.retryAfterMs : undefined;
  const waitMs = refreshBackoffMs(state.refreshFailures + 1, { fraction: parts.random.fraction(), retryAfterMs });
  const status = isTerminal ? 'reauth_required' : 'refresh_failed';
  const { reason } = outcome as Failure;
  const isOurs = await parts.db.transaction().execute(async (transaction) => {
    const notBefore = isTerminal ? null : new Date(now.getTime() + waitMs);
    const ended = await finishFailed(transaction, { accountId, fence: claim.fence, status, reason, now, notBefore });
    if (ended) await announceChange(transaction, 'accounts');
    return ended;
  });
  if (!isOurs) return superseded(parts, run);
  parts.log.warn('account_refresh_failed', {
    accountId,
    status,
    reason,
    ...(isTerminal ? {} : { retryAfterMs: waitMs }),
  });
  return { kind: isTerminal ? 'signed_out' : 'failed_for_now' };
}

function superseded({ log }: RefreshParts, { accountId, claim }: RefreshRun): RefreshRunResult {
  log.warn('account_refresh_superseded', { accountId, fence: claim.fence });
  return { kind: 'superseded' };
}
