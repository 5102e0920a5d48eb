/** THE list of recurring work: one file per kind, one line here. TypeScript demands one per word of the vocabulary. */
import type { JobName } from '../contract/vocabulary.ts';
import { closeDeadRequests } from './close-dead-requests.ts';
import { forgetKeyUse } from './forget-key-use.ts';
import type { Job, JobWork } from './job.ts';
import { probeLimits } from './probe-limits.ts';
import { readModels } from './read-models.ts';
import { readPrices } from './read-prices.ts';
import { refreshTokens } from './refresh-tokens.ts';
import { removeExpired, removeOld } from './remove-rows.ts';

/** What the work does, each given by the room that knows how. */
export interface JobDeeds {
  readonly sweep: () => Promise<number>;
  readonly renewDueTokens: (signal: AbortSignal) => Promise<number>;
  readonly forgetKeyUse: () => Promise<number>;
  readonly probeDueLimits: (signal: AbortSignal) => Promise<number>;
  readonly readOldModels: (signal: AbortSignal) => Promise<number>;
  readonly prices: Parameters<typeof readPrices>[0];
  readonly removeExpired: (signal: AbortSignal) => Promise<number>;
  readonly removeOld: (signal: AbortSignal) => Promise<number>;
}

export function listJobs(deeds: JobDeeds): readonly Job[] {
  const works: Readonly<Record<JobName, JobWork>> = {
    close_dead_requests: closeDeadRequests(deeds.sweep),
    refresh_tokens: refreshTokens(deeds.renewDueTokens),
    probe_limits: probeLimits(deeds.probeDueLimits),
    read_models: readModels(deeds.readOldModels),
    read_prices: readPrices(deeds.prices),
    remove_expired: removeExpired(deeds.removeExpired),
    remove_old: removeOld(deeds.removeOld),
    forget_key_use: forgetKeyUse(deeds.forgetKeyUse),
  };
  return (Object.keys(works) as JobName[]).map((name) => ({ name, ...works[name] }));
}
