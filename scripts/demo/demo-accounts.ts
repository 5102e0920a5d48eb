/** The three made-up accounts of the demo. */
import type { AccountSeed } from '../../server/sandbox/account.ts';

export interface DemoAccount {
  readonly name: string;
  /** What there is to see about it. */
  readonly story: string;
  readonly seed: Partial<AccountSeed>;
}

/** What an answer of a coding session uses, roughly. */
const usage = { inputTokens: 18_000, cachedTokens: 14_000, outputTokens: 420, reasoningTokens: 160 };
const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export const demoAccounts: readonly DemoAccount[] = [
  {
    name: 'anna',
    story: 'pro, plenty left',
    seed: {
      plan: 'pro',
      usage,
      percentPerAnswer: 0.4,
      windows: [
        { minutes: 300, usedPercent: 12, resetsInSeconds: 3 * hour },
        { minutes: 10_080, usedPercent: 30, resetsInSeconds: 4 * day },
      ],
    },
  },
  {
    name: 'ben',
    story: 'plus, close to its 5-hour limit; it comes back after a few minutes',
    seed: {
      plan: 'plus',
      usage,
      percentPerAnswer: 1,
      windows: [
        { minutes: 300, usedPercent: 95, resetsInSeconds: 10 * minute },
        { minutes: 10_080, usedPercent: 71, resetsInSeconds: 2 * day },
      ],
    },
  },
  {
    name: 'cleo',
    story: 'team, fails now and then',
    seed: {
      plan: 'team',
      usage,
      percentPerAnswer: 0.8,
      windows: [
        { minutes: 300, usedPercent: 40, resetsInSeconds: 2 * hour },
        { minutes: 10_080, usedPercent: 22, resetsInSeconds: 6 * day },
      ],
    },
  },
];
