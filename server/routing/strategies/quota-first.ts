/** Most left in the worst window first; an account nothing is known of counts as empty (gateway spec 4.2). */
import type { Strategy } from './strategy.ts';

export const quotaFirst: Strategy = {
  keysFor:
    (_accounts, { limits }) =>
    (account) => {
      const { readings, leastLeftPercent } = limits(account);
      if (leastLeftPercent <= 100) return -leastLeftPercent;
      return readings.length === 0 ? 0 : -100;
    },
};
