/** THE list of recurring work: one file per kind, one line here. */
import { closeDeadRequests } from './close-dead-requests.ts';
import { forgetKeyUse } from './forget-key-use.ts';
import type { Job } from './job.ts';
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
  return [
    closeDeadRequests(deeds.sweep),
    refreshTokens(deeds.renewDueTokens),
    probeLimits(deeds.probeDueLimits),
    readModels(deeds.readOldModels),
    readPrices(deeds.prices),
    removeExpired(deeds.removeExpired),
    removeOld(deeds.removeOld),
    forgetKeyUse(deeds.forgetKeyUse),
  ];
}
