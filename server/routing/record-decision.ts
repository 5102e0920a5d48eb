/**
 * Turns a choice into the record it leaves: who might have served and who not, why, and what decided. Pure, bounded in
 * size whatever the Pool holds, and made of ids, words and numbers only.
 */
import type { AccountFacts } from '../accounts/account.ts';
import { accountMeter, type QuotaReading } from '../accounts/quota.ts';
import type { StoredDecision } from '../contract/decisions.ts';
import type { DecisionGround, ExclusionReason } from '../contract/vocabulary.ts';
import { outsideRing, type Choice } from './choose-account.ts';
import type { Exclusion } from './eligibility.ts';
import { localityAmong } from './locality-among.ts';
import { tiers, type Standing } from './order-candidates.ts';
import type { Scene } from './scene.ts';

type Candidate = StoredDecision['candidates'][number];

/** Raise it when the same facts may lead to another choice than before. */
const rules = '1';
/** Accounts named in a record, with {@link listedLimits} each: at most 560 bytes per account, 8 kB in all. */
export const listedAccounts = 14;
const listedLimits = 3;
/** Of a meter's name, which the provider chooses. */
const listedLetters = 24;

/** @example const choice = chooseAccount(scene); attempt.decision = recordDecision(scene, choice); */
export function recordDecision(scene: Scene, choice: Choice): StoredDecision {
  const { now, strategy, ringSize, floorPercent, accounts } = scene;
  const ranked = choice.kind === 'chosen' ? choice.tryList.slice(0, listedAccounts) : [];
  const excluded = countsOf(choice);
  const eligible = choice.kind === 'chosen' ? choice.eligible.length : (excluded.outside_ring ?? 0);
  return {
    at: now,
    rules,
    strategy,
    ringSize,
    floorPercent,
    ...(scene.pinnedTo !== null && { isPinned: true }),
    ...(scene.continuity.reason !== 'none' && { continuity: scene.continuity.reason }),
    locality: localityAmong(scene.continuity.locality, choice.kind === 'chosen' ? eligible : 0),
    decidedBy: groundOf(scene, choice),
    total: accounts.length,
    eligible,
    excluded,
    candidates: [
      ...ranked.map((standing, index) => rankedCandidate(standing, { scene, rank: index + 1 })),
      ...leftOut(choice, { scene, room: listedAccounts - ranked.length }),
    ],
  };
}

function countsOf(choice: Choice): Partial<Record<ExclusionReason, number>> {
  const counts: Partial<Record<ExclusionReason, number>> = {};
  for (const { reason } of choice.exclusions) counts[reason] = (counts[reason] ?? 0) + 1;
  const outside = choice.kind === 'chosen' ? choice.eligible.length - choice.tryList.length : 0;
  if (outside > 0) counts.outside_ring = outside;
  return counts;
}

/** What sets the chosen one apart from the next: the weightiest thing in which they differ. */
function groundOf({ pinnedTo, continuity }: Scene, choice: Choice): DecisionGround | null {
  if (choice.kind === 'none') return null;
  if (pinnedTo !== null) return 'pin';
  const { tryList, runnerUp } = choice;
  const first = tryList[0];
  if (!first || !runnerUp) return 'only_one';
  const apart = first.tier ^ runnerUp.tier;
  if (apart & tiers.notCompacting) return 'compaction';
  if (apart & tiers.onCredits) return 'credits';
  if (apart & tiers.reserve) return 'floor';
  if (apart & tiers.demoted) return 'demotion';
  if (apart & tiers.notPreferred) return 'affinity';
  if (first.key !== runnerUp.key) return 'strategy';
  return continuity.reason === 'prompt_cache' ? 'prompt_cache' : 'spread';
}

function rankedCandidate({ account, key, tier }: Standing, { scene, rank }: { scene: Scene; rank: number }): Candidate {
  return {
    ...knownOf(account.id, scene),
    rank,
    // A minus zero would come back from storage as another value.
    key: key + 0,
    ...(tier & tiers.reserve && { isReserve: true }),
  };
}

/** As many as there is room for: the conversation's own account first, then reasons that say more than "not in turn". */
function leftOut(choice: Choice, { scene, room }: { scene: Scene; room: number }): Candidate[] {
  const named: Exclusion[] = [];
  const own = choice.exclusions.find(({ accountId }) => accountId === scene.prefers);
  if (own && room > 0) named.push(own);
  for (const exclusion of choice.exclusions) {
    if (named.length >= room) break;
    if (exclusion !== own) named.push(exclusion);
  }
  const others = choice.kind === 'chosen' ? choice.eligible : [];
  for (const account of others) {
    if (named.length >= room) break;
    if (!isListed(account, choice)) named.push(outsideRing(account));
  }
  return named.map(({ accountId, reason, until }) => ({
    ...knownOf(accountId, scene),
    reason,
    ...(until !== null && { endsInSeconds: secondsBetween(scene.now, until) }),
  }));
}

function isListed(account: AccountFacts, choice: Choice): boolean {
  return choice.kind === 'chosen' && choice.tryList.some((standing) => standing.account === account);
}

/** What is known of an account beside its place. Absent is what has its default. */
function knownOf(accountId: string, scene: Scene): Candidate {
  const circuit = scene.circuit(accountId);
  const limits = scene.quota(accountId).slice(0, listedLimits);
  return {
    accountId,
    ...(accountId === scene.prefers && { isPreferred: true }),
    ...(scene.demoted.has(accountId) && { isDemoted: true }),
    ...(circuit !== 'closed' && { circuit }),
    ...(limits.length > 0 && { limits: limits.map((reading) => limitThen(reading, scene.now)) }),
  };
}

function limitThen({ meter, windowMinutes, usedPercent, resetAt, observedAt }: QuotaReading, now: Date) {
  return {
    ...(meter !== accountMeter && { meter: meter.slice(0, listedLetters) }),
    windowMinutes,
    usedPercent: Math.round(usedPercent * 100) / 100,
    ...(resetAt !== null && { resetsInSeconds: secondsBetween(now, resetAt) }),
    ageSeconds: secondsBetween(observedAt, now),
  };
}

function secondsBetween(from: Date, to: Date): number {
  return Math.round((to.getTime() - from.getTime()) / 1000);
}
