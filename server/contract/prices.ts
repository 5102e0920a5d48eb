/** What models cost at API prices: what the use of subscriptions is compared with, never a bill. */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';

/** Micro-USD per token, which is USD per million tokens. */
const Rate = z.number().nullable();

export const Price = z.object({
  model: z.string(),
  tier: z.string(),
  /** `long` holds for requests above the list's number of input tokens. */
  bucket: z.enum(['default', 'long']),
  input: Rate,
  cached: Rate,
  cacheWrite: Rate,
  output: Rate,
  reasoning: Rate,
});
export type Price = z.infer<typeof Price>;

const PriceList = z.object({
  asOf: z.string(),
  source: z.string(),
  /** When the list was fetched; null when it is the one that came with the program. */
  fetchedAt: Instant.nullable(),
  longContextAboveInputTokens: z.number().int(),
  prices: z.array(Price),
});
export type PriceList = z.infer<typeof PriceList>;

export const prices = {
  list: query('prices.list', { input: z.object({}).strict(), output: PriceList }),
  refresh: command('prices.refresh', {
    input: z.object({}).strict(),
    output: PriceList,
    audit: ['asOf', 'source'],
  }),
};
