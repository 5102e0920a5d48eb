/** Every reason an account may not serve a request, as named words. Pure functions of facts and one clock reading. */
import type { AccountFacts } from '../accounts/account.ts';
import type { ModelLack } from '../catalog/model-abilities.ts';
import type { ExclusionReason } from '../contract/vocabulary.ts';

export interface Exclusion {
  readonly accountId: string;
  readonly reason: ExclusionReason;
  /** When the reason ends by itself, as far as is known. */
  readonly until: Date | null;
}

/** Why an account takes no call now although its own state is sound. */
export interface Unavailability {
  readonly code: ExclusionReason;
  /** When it ends by itself, as far as is known. */
  readonly until: Date | null;
}

/** What a request needs of a model, beside the model itself. */
export interface ModelNeeds {
  /** A tier beside the usual one, as `concreteTier` writes it. */
  readonly tier: string | null;
  /** What the model must not lack. */
  readonly abilities: readonly ModelLack[];
  /** Model lists say nothing of what is asked, so that they speak against nobody. */
  readonly isUnlisted?: boolean;
}

export interface RoutingQuestion {
  readonly model: string;
  readonly needs: ModelNeeds;
  readonly now: Date;
  /** Only this account may serve: it holds state no other can read (wire spec B17). */
  readonly pinnedTo: string | null;
  /** Accounts that failed this request already. */
  readonly tried: ReadonlySet<string>;
  /** What the board, or what attempts taught of its circuit, says against an account now. Must be instant. */
  readonly unavailability: (account: AccountFacts) => Unavailability | null;
}

/**
 * Tells for one request the first reason that keeps an account out, or null when it may serve. Lasting reasons come
 * first. Makes nothing unless it excludes: most accounts may serve, and all are asked for every request.
 *
 * @example const exclusionOf = eligibilityFor(scene); for (const account of scene.accounts) … exclusionOf(account) …
 */
export function eligibilityFor(question: RoutingQuestion): (account: AccountFacts) => Exclusion | null {
  const { tried, unavailability } = question;
  const lackOf = lacksFor(question);
  return (account) => {
    const reason = lastingReason(account, { question, lackOf });
    if (reason !== null) return { accountId: account.id, reason, until: null };
    const now = unavailability(account);
    if (now) return { accountId: account.id, reason: now.code, until: now.until };
    return tried.size > 0 && tried.has(account.id)
      ? { accountId: account.id, reason: 'already_tried', until: null }
      : null;
  };
}

type LackOf = (models: AccountFacts['models']) => ExclusionReason | null;

/** What its own state and the request itself say against an account. */
function lastingReason(
  account: AccountFacts,
  { question: { pinnedTo, now }, lackOf }: { question: RoutingQuestion; lackOf: LackOf },
): ExclusionReason | null {
  const { status } = account;
  if (status !== 'active') {
    if (status === 'deleted') return 'account_removed';
    if (status === 'paused') return 'account_paused';
    if (status === 'reauth_required') return 'account_signed_out';
  }
  if (pinnedTo !== null && pinnedTo !== account.id) return 'pinned_elsewhere';
  const lack = lackOf(account.models);
  if (lack !== null) return lack;
  return status === 'refresh_failed' && isTokenExpired(account, now) ? 'account_token_expired' : null;
}

/** Accounts with the same list share it: each list is asked once. */
function lacksFor(question: RoutingQuestion): LackOf {
  const known = new Map<AccountFacts['models'], ExclusionReason | null>();
  return (models) => {
    let lack = known.get(models);
    if (lack === undefined) known.set(models, (lack = missingAbility(models, question)));
    return lack;
  };
}

const reasonOfLack = {
  responses: 'model_not_offered',
  streaming: 'streaming_not_offered',
  images: 'images_not_offered',
  tools: 'tools_not_offered',
  reasoning: 'reasoning_not_offered',
} as const satisfies Record<ModelLack, ExclusionReason>;

/** By the account's own list. What is not known speaks against nobody, except where a tier was asked for by name. */
function missingAbility(models: AccountFacts['models'], { model, needs }: RoutingQuestion): ExclusionReason | null {
  if (needs.isUnlisted) return null;
  const abilities = models?.get(model);
  if (models !== null && !abilities) return 'model_not_offered';
  if (needs.tier !== null && !abilities?.tiers.has(needs.tier)) return 'tier_not_offered';
  if (!abilities || abilities.lacks.size === 0) return null;
  const lack = needs.abilities.find((each) => abilities.lacks.has(each));
  return lack ? reasonOfLack[lack] : null;
}

/** A failed refresh stops an account only once its old token has run out. */
function isTokenExpired(account: AccountFacts, now: Date): boolean {
  return account.accessTokenExpiresAt !== null && account.accessTokenExpiresAt <= now;
}
