/** Whoever has not served for longest comes first, and who never did before all others (gateway spec 4.2). */
import type { Strategy } from './strategy.ts';

export const leastRecentSuccess: Strategy = {
  keysFor: (_accounts, { lastSuccessMs }) => lastSuccessMs,
};
