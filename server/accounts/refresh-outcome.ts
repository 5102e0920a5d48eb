/** What a refresh of an account's tokens may end in. The call itself lives with the provider's other calls. */

/** Why a refresh is asked for; the provider is told the first two (wire spec B4). */
export type RefreshReason = 'unauthorized_recovery' | 'proactive_expiry' | 'manual';

/** Tokens as the provider gave them. An absent one means: the old one stays (wire spec B4). */
export interface RenewedTokens {
  readonly accessToken: string | null;
  readonly refreshToken: string | null;
  readonly idToken: string | null;
  readonly expiresInSeconds: number | null;
}

export type RefreshOutcome =
  | { readonly kind: 'renewed'; readonly tokens: RenewedTokens }
  /** The provider said in documented words that this sign-in is over. */
  | { readonly kind: 'terminal'; readonly reason: string }
  /**
   * Nothing is known to have changed; try again later, not before the provider's own wish. `endsWhenConfirmed`: a second
   * answer with the same reason ends the sign-in.
   */
  | {
      readonly kind: 'transient';
      readonly reason: string;
      readonly retryAfterMs?: number;
      readonly endsWhenConfirmed?: boolean;
    }
  /** Sent, and no readable answer came: the refresh token may be spent. */
  | { readonly kind: 'uncertain'; readonly reason: string };

/**
 * Asks the provider for new tokens, within its own time limit. Never rejects: every failure is an outcome. Nothing can
 * call it off, because a refresh that was sent may already have spent the token.
 */
export type AskForTokens = (ask: {
  readonly refreshToken: string;
  readonly reason: RefreshReason;
}) => Promise<RefreshOutcome>;

/** Two doubtful refusals this far apart end a sign-in; closer ones may be one hiccup. */
const confirmationMs = 60_000;

/**
 * The wire spec (B4) takes a 401 in unknown words for final, but users of peers report healthy accounts lost that way
 * (demand spec 2.3). So the first one only counts as a failed refresh, and the same answer at least a minute later
 * confirms it.
 *
 * @param options.failedBefore why and since when the account's refresh fails, reason null when it does not
 */
export function confirmedOutcome(
  outcome: RefreshOutcome,
  { failedBefore, now }: { failedBefore: { reason: string | null; since: Date }; now: Date },
): RefreshOutcome {
  if (outcome.kind !== 'transient' || !outcome.endsWhenConfirmed || failedBefore.reason !== outcome.reason)
    return outcome;
  const apart = now.getTime() - failedBefore.since.getTime();
  return apart >= confirmationMs ? { kind: 'terminal', reason: outcome.reason } : outcome;
}

const shortestWaitMs = 30_000;
const longestWaitMs = 30 * 60_000;
/** The provider may ask for patience, not for a day of it. */
const longestAskedWaitMs = 60 * 60_000;

/** Does an earlier failure ask for patience? Not where no right clock can have noted so long a wait: it was set back. */
export function isTooSoon(notBefore: Date | null, now: Date): boolean {
  const leftMs = notBefore === null ? 0 : notBefore.getTime() - now.getTime();
  return leftMs > 0 && leftMs <= 2 * longestAskedWaitMs;
}

/**
 * How long to leave an account's refresh alone after failures in a row: 30 s doubling to 30 min, spread by a fifth so
 * accounts that failed together do not come back together. A longer wait that the provider asked for counts.
 *
 * @param fraction chance in [0, 1)
 */
export function refreshBackoffMs(
  failures: number,
  { fraction, retryAfterMs = 0 }: { fraction: number; retryAfterMs?: number | undefined },
): number {
  const doubled = Math.min(shortestWaitMs * 2 ** Math.min(Math.max(failures - 1, 0), 10), longestWaitMs);
  const spread = doubled * (0.9 + 0.2 * fraction);
  return Math.round(Math.max(spread, Math.min(retryAfterMs, longestAskedWaitMs)));
}
