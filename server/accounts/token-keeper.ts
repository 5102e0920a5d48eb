/**
 * Keeps every account's tokens: gives out the current access token, and renews it with one refresher at a time, in this
 * process and across all that share the database. New tokens are committed before anybody uses them, because the
 * provider takes each refresh token once only (wire spec B4).
 */
import { GatewayError } from '../contract/gateway-error.ts';
import { untilAborted } from '../lib/until-aborted.ts';
import type { Credential } from './account.ts';
import type { AccountBook } from './account-book.ts';
import { isTooSoon, type RefreshReason } from './refresh-outcome.ts';
import { claimRefresh, selectRefreshState, selectSecret, type RefreshState } from './refresh-store.ts';
import { runRefresh, type RefreshParts } from './run-refresh.ts';

export interface RenewAsk {
  readonly accountId: string;
  /** The epoch of the credential that was refused or is about to expire. */
  readonly seenEpoch: number;
  readonly reason: RefreshReason;
  /** Ends this caller's waiting only; a refresh that was sent is always seen through. */
  readonly signal?: AbortSignal | undefined;
}

export type RenewResult =
  | { readonly kind: 'renewed' | 'already_renewed'; readonly credential: Credential }
  /** The provider ended this sign-in; a person must sign in again. */
  | { readonly kind: 'signed_out' }
  /** No new token now; the old one stays, and the refresh is tried again later. */
  | { readonly kind: 'failed_for_now' };

export interface TokenKeeper {
  /**
   * The current credential. An access token past its expiry is renewed first; if that fails for now, the old one is
   * given, and the provider has the last word.
   *
   * @throws GatewayError `account_not_found`, or `account_signed_out` when the account must be signed in again
   * @throws SecretProblem when the stored token cannot be decrypted
   */
  credential(accountId: string, signal?: AbortSignal): Promise<Credential>;
  /**
   * A credential newer than `seenEpoch`, by refreshing or because somebody else did. Any number of calls at once cause
   * one refresh. Rejects only when the signal ends the waiting or the database fails.
   */
  renew(ask: RenewAsk): Promise<RenewResult>;
  /** Starts no more refreshes and waits for those that were sent, so no token is lost. */
  stop(): Promise<void>;
}

/** How often a loser of the claim looks whether the winner is done. */
const pollMs = 150;
/** A token that looks expired so soon after it was renewed shows a wrong clock here, which no further refresh mends. */
const newTokenMs = 5 * 60_000;
/** Longer than any claim holds (50 s, extended once), so only a stuck database ends the waiting. */
const longestPolls = Math.ceil(120_000 / pollMs);

/**
 * @example
 * const keeper = createTokenKeeper({ db, vault, clock, random, log, book, askForTokens });
 * const { accessToken, epoch } = await keeper.credential(accountId);
 */
export function createTokenKeeper(parts: RefreshParts & { readonly book: Pick<AccountBook, 'byId'> }): TokenKeeper {
  const { db, vault, clock, book } = parts;
  const credentials = new Map<string, Credential>();
  const flights = new Map<string, Promise<RenewResult>>();
  const renewedMs = new Map<string, number>();
  const stopping = new AbortController();

  /** The cached credential if it is of this epoch or newer, else the stored one. */
  async function credentialSince(accountId: string, epoch: number): Promise<Credential> {
    const held = credentials.get(accountId);
    if (held && held.epoch >= epoch) return held;
    const sealed = await selectSecret(db, { accountId, kind: 'access_token' });
    if (!sealed) {
      credentials.delete(accountId);
      throw new GatewayError('account_not_found');
    }
    const accessToken = vault.open({ kind: 'access_token', ownerId: accountId, sealed });
    return remember(accountId, { accessToken, epoch: sealed.epoch });
  }

  function remember(accountId: string, credential: Credential): Credential {
    const held = credentials.get(accountId);
    if (held && held.epoch > credential.epoch) return held;
    credentials.set(accountId, credential);
    return credential;
  }

  async function renewFlight(ask: RenewAsk): Promise<RenewResult> {
    const { accountId, reason } = ask;
    for (let polls = 0; polls < longestPolls && !stopping.signal.aborted; polls += 1) {
      const state = await selectRefreshState(db, accountId);
      const settled = state ? await settledBy(state, { ask, hasWaited: polls > 0 }) : signedOut;
      if (settled) return settled;
      const epoch = state!.credentialEpoch;
      const claim = state!.isClaimed ? null : await claimRefresh(db, { accountId, epoch });
      if (claim) {
        const result = await runRefresh(parts, { accountId, epoch, reason, claim, state: state! });
        if (result.kind !== 'superseded') {
          if (result.kind === 'renewed') {
            remember(accountId, result.credential);
            renewedMs.set(accountId, clock.monotonicMs());
          }
          return result;
        }
      } else {
        await clock.sleep(pollMs, stopping.signal).catch(() => undefined);
      }
    }
    return { kind: 'failed_for_now' };
  }

  /** What the row alone answers, or null when a refresh is called for. */
  async function settledBy(
    state: RefreshState,
    { ask, hasWaited }: { ask: RenewAsk; hasWaited: boolean },
  ): Promise<RenewResult | null> {
    if (state.credentialEpoch > ask.seenEpoch) {
      return { kind: 'already_renewed', credential: await credentialSince(ask.accountId, state.credentialEpoch) };
    }
    // By hand it may be tried again: the verdict may have been wrong. Not after waiting for just such a try.
    const mayInsist = ask.reason === 'manual' && !hasWaited;
    if (state.status === 'reauth_required' && !mayInsist && !state.isClaimed) return signedOut;
    if (state.isClaimed || mayInsist) return null;
    return isTooSoon(state.refreshNotBefore, clock.now()) ? { kind: 'failed_for_now' } : null;
  }

  async function renew(ask: RenewAsk): Promise<RenewResult> {
    for (;;) {
      const running = flights.get(ask.accountId);
      if (!running && stopping.signal.aborted) return { kind: 'failed_for_now' };
      const flight = running ?? startFlight(ask);
      const result = await untilAborted(flight, ask.signal);
      // A flight we joined may have ended with the very credential that was refused to us.
      if ('credential' in result && result.credential.epoch <= ask.seenEpoch && running) continue;
      return running && result.kind === 'renewed' ? { ...result, kind: 'already_renewed' } : result;
    }
  }

  function startFlight(ask: RenewAsk): Promise<RenewResult> {
    const flight = renewFlight(ask).finally(() => flights.delete(ask.accountId));
    flights.set(ask.accountId, flight);
    // Every caller may have left; the failure is then theirs to ignore.
    flight.catch(() => undefined);
    return flight;
  }

  return {
    async credential(accountId, signal) {
      const account = book.byId(accountId);
      // Unknown to the book means new or removed; only the database can tell. A book that lags is no harm: a newer
      // credential of our own counts too.
      const stored = credentialSince(accountId, account?.credentialEpoch ?? Number.POSITIVE_INFINITY);
      const credential = await untilAborted(stored, signal);
      if (account?.credentialEpoch !== credential.epoch) return credential;
      if (account.accessTokenExpiresAt === null || account.accessTokenExpiresAt > clock.now()) return credential;
      if (clock.monotonicMs() - (renewedMs.get(accountId) ?? -Infinity) < newTokenMs) return credential;
      const result = await renew({ accountId, seenEpoch: credential.epoch, reason: 'proactive_expiry', signal });
      if (result.kind === 'signed_out') throw new GatewayError('account_signed_out');
      return result.kind === 'failed_for_now' ? credential : result.credential;
    },
    renew,
    async stop() {
      stopping.abort();
      await Promise.allSettled(flights.values());
    },
  };
}

const signedOut = { kind: 'signed_out' } as const;
