/** Saved resets of an account as the outside sees them, and their endpoints. */
import { z } from 'zod';
import { AccountName } from './accounts.ts';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { ResetCause, ResetOutcome } from './vocabulary.ts';

/** One saved reset as the provider lists it. */
export const SavedReset = z.object({
  id: z.string(),
  status: z.enum(['available', 'redeeming', 'redeemed']),
  grantedAt: Instant.nullable(),
  expiresAt: Instant.nullable(),
});
export type SavedReset = z.infer<typeof SavedReset>;

/** What may be spent without asking anybody (product spec 6.5). */
export const ResetPolicy = z.object({
  /** Spend one when a request finds every account out by its weekly limit alone. */
  isAutomatic: z.boolean(),
  /** Never go below so many. */
  keepCredits: z.number().int().min(0).max(100),
  /** Leave it to the limit's own reset when that is nearer than this. */
  minBlockedMinutes: z.number().int().min(0).max(10_080),
});
export type ResetPolicy = z.infer<typeof ResetPolicy>;

/** Nothing is spent unless somebody says so. The columns of `reset_banks` have the same defaults. */
export const defaultResetPolicy: ResetPolicy = Object.freeze({
  isAutomatic: false,
  keepCredits: 0,
  minBlockedMinutes: 60,
});

/** One try to spend a saved reset. */
export const Redemption = z.object({
  /** The provider spends nothing twice for the same id. */
  id: z.uuid(),
  cause: ResetCause,
  startedAt: Instant,
  finishedAt: Instant.nullable(),
  /** Null while nobody knows: the next try goes on with the same id. */
  outcome: ResetOutcome.nullable(),
  dispatches: z.number().int(),
});
export type Redemption = z.infer<typeof Redemption>;

export const ResetBank = z.object({
  account: z.object({ id: z.uuid(), label: z.string() }),
  policy: ResetPolicy,
  /** When the provider was last asked for the list; null when never. */
  readAt: Instant.nullable(),
  credits: z.array(SavedReset),
  /** The newest first. */
  redemptions: z.array(Redemption),
  /** After the newest spent reset: is its effect seen in the limits? Null when none was spent. */
  effect: z.enum(['pending', 'confirmed', 'still_blocked']).nullable(),
});
export type ResetBank = z.infer<typeof ResetBank>;

export const resets = {
  show: query('resets.show', {
    input: z.object({ account: AccountName }).strict(),
    output: z.object({ bank: ResetBank }),
  }),
  /** Spends one saved reset. The same attempt id again tells how that attempt ended and spends nothing. */
  redeem: command('resets.redeem', {
    input: z.object({ account: AccountName, attemptId: z.uuid().optional() }).strict(),
    output: z.object({ redemption: Redemption, bank: ResetBank }),
    audit: ['bank.account.id', 'bank.account.label', 'redemption.id', 'redemption.outcome'],
  }),
  /** Changes the named parts of the policy. */
  change: command('resets.change', {
    input: z.object({ account: AccountName, changes: ResetPolicy.partial().strict() }).strict(),
    output: z.object({ bank: ResetBank }),
    audit: ['bank.account.id', 'bank.account.label', 'changes'],
  }),
};
