/** Accounts as the outside sees them, and their endpoints. Tokens have no place here, so none can leave. */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { PoolSlug } from './pools.ts';
import { AccountStatus, OnboardingMethod } from './vocabulary.ts';

/** One provider limit as last read. */
export const QuotaWindow = z.object({
  meter: z.string(),
  /** 300 is the 5-hour window, 10080 the weekly one; 0 means the provider did not say. */
  windowMinutes: z.number().int(),
  usedPercent: z.number(),
  resetAt: Instant.nullable(),
  observedAt: Instant,
  /** What it is worth now: `stale` when nothing newer was read for a quarter of an hour, `expired` after its reset. */
  freshness: z.enum(['fresh', 'stale', 'expired']),
});
export type QuotaWindow = z.infer<typeof QuotaWindow>;

export const Account = z.object({
  id: z.uuid(),
  label: z.string(),
  email: z.string().nullable(),
  plan: z.string().nullable(),
  onboarding: OnboardingMethod,
  status: AccountStatus,
  statusReason: z.string().nullable(),
  statusChangedAt: Instant,
  accessTokenExpiresAt: Instant.nullable(),
  refreshedAt: Instant.nullable(),
  pools: z.array(PoolSlug),
  quota: z.array(QuotaWindow),
  /** When the provider was last asked for its limits; null when it never was. */
  limitsAskedAt: Instant.nullable(),
  /** Why that brought nothing, in a sentence; null when it did. */
  limitsProblem: z.string().nullable(),
  /** What it may spend beyond its limits; null when the provider never said. */
  credits: z.object({ hasCredits: z.boolean(), unlimited: z.boolean(), balance: z.string().nullable() }).nullable(),
  models: z.array(z.string()),
  modelsFetchedAt: Instant.nullable(),
  createdAt: Instant,
});
export type Account = z.infer<typeof Account>;

/** How a first or repeated reading of the provider went; a failed reading never undoes an import. */
export const Reading = z.object({ ok: z.boolean(), problem: z.string().nullable() });

/** An account named by its id, its label or its e-mail. */
export const AccountName = z.string().min(1).max(200);

export const accounts = {
  import: command('accounts.import', {
    input: z
      .object({
        /** The text of an auth.json, at most 64 KiB (product spec 6.2). */
        authJson: z.string().max(65_536),
        pool: PoolSlug.default('default'),
        label: z.string().trim().min(1).max(160).optional(),
      })
      .strict(),
    output: z.object({ account: Account, wasKnown: z.boolean(), quotaReading: Reading, modelsReading: Reading }),
    audit: ['pool', 'account.id', 'account.label', 'wasKnown'],
  }),
  list: query('accounts.list', { input: z.object({}).strict(), output: z.object({ accounts: z.array(Account) }) }),
  refresh: command('accounts.refresh', {
    input: z.object({ account: AccountName }).strict(),
    output: z.object({ account: Account, quotaReading: Reading, modelsReading: Reading }),
    audit: ['account.id', 'account.label'],
  }),
  /** It serves no new request until it is resumed; running ones end by themselves. */
  pause: command('accounts.pause', {
    input: z.object({ account: AccountName }).strict(),
    output: z.object({ account: Account }),
    audit: ['account.id', 'account.label'],
  }),
  /** Lets a paused account serve again, and reads it anew. */
  resume: command('accounts.resume', {
    input: z.object({ account: AccountName }).strict(),
    output: z.object({ account: Account, quotaReading: Reading, modelsReading: Reading }),
    audit: ['account.id', 'account.label'],
  }),
  remove: command('accounts.remove', {
    input: z.object({ account: AccountName }).strict(),
    output: z.object({ account: Account.pick({ id: true, label: true }) }),
    audit: ['account.id', 'account.label'],
  }),
};
