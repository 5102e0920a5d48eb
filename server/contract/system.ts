/**
 * How the installation is doing, in facts that may be shown to a stranger who helps: counts, ages and states. No
 * secret, no e-mail, no name that somebody typed.
 */
import { z } from 'zod';
import { query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { settingsEndpoints } from './settings.ts';
import { AccountStatus } from './vocabulary.ts';

/** A word of a closed list of ours, or of the provider's: never a sentence. */
const Word = z.string().regex(/^[A-Za-z0-9_.-]{1,80}$/);

export const AccountHealth = z.object({
  /** Ours, so that it can be found in the log. */
  id: z.uuid(),
  /** Enough to tell accounts apart, e.g. `a***@s***.example`. */
  email: z.string().nullable(),
  plan: Word.nullable(),
  status: AccountStatus,
  statusReason: Word.nullable(),
  statusChangedAt: Instant,
  accessTokenExpiresAt: Instant.nullable(),
  refreshedAt: Instant.nullable(),
  /** When the provider was last asked for its limits, and how often in a row that brought nothing. */
  limitsAskedAt: Instant.nullable(),
  limitsFailures: z.number().int(),
  /** The newest reading of its limits. */
  quotaReadAt: Instant.nullable(),
  modelsReadAt: Instant.nullable(),
});

export const RowCount = z.object({
  table: z.string(),
  rows: z.number().int(),
  /** Large tables are estimated: counting them would take longer than anybody waits. */
  isEstimate: z.boolean(),
});

export const SystemReport = z.object({
  version: z.string(),
  observedAt: Instant,
  /** Processes that work on this database now. */
  processes: z.array(z.object({ number: z.number().int(), version: z.string(), startedAt: Instant })),
  database: z.object({
    /** Of Postgres, e.g. `18.1`. */
    version: z.string(),
    bytes: z.number().int(),
    migrations: z.object({
      applied: z.array(z.string()),
      pending: z.array(z.string()),
      unknown: z.array(z.string()),
    }),
  }),
  rows: z.array(RowCount),
  openRequests: z.object({ count: z.number().int(), oldestAt: Instant.nullable() }),
  accounts: z.array(AccountHealth),
  changedSettings: z.array(settingsEndpoints.change.output.shape.setting.pick({ name: true, value: true })),
});
export type SystemReport = z.infer<typeof SystemReport>;

export const system = {
  report: query('system.report', { input: z.object({}).strict(), output: z.object({ report: SystemReport }) }),
};
