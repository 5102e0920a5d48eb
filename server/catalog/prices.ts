/** The bundled price list: what models cost at API prices, with its date and source in the file itself. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const rate = z.number().min(0).multipleOf(0.001);

/** Micro-USD per token. Reasoning tokens cost as much as other output unless a rate says otherwise. */
const Rates = z
  .object({ input: rate, cached: rate, cacheWrite: rate.optional(), output: rate, reasoning: rate.optional() })
  .strict();
export type Rates = z.infer<typeof Rates>;

const Buckets = z.object({ default: Rates, long: Rates.optional() }).strict();
const Tiers = z.record(z.string(), Buckets);
type Tiers = z.infer<typeof Tiers>;

const PriceFile = z
  .object({
    asOf: z.iso.date(),
    source: z.url(),
    unit: z.string(),
    longContextAboveInputTokens: z.number().int().positive(),
    models: z.record(z.string(), Tiers),
  })
  .strict();

export interface Prices {
  readonly asOf: string;
  readonly source: string;
  /** Above this many input tokens the whole request is priced by the long-context rates. */
  readonly longContextAboveInputTokens: number;
  /** Rates by service tier; undefined when no price is known for the model. */
  tiersOf(model: string): Tiers | undefined;
}

/** Reads a price list. Model names are compared in lower case; a dated name falls back to the name without its date. */
export function readPrices(file: unknown): Prices {
  const { asOf, source, longContextAboveInputTokens, models } = PriceFile.parse(file);
  // A client may name its model anything, `constructor` too.
  const byName = new Map(Object.entries(models));
  const tiersOf = (model: string) => {
    const name = model.trim().toLowerCase();
    return byName.get(name) ?? byName.get(name.replace(/-\d{4}-\d{2}-\d{2}$/, ''));
  };
  return { asOf, source, longContextAboveInputTokens, tiersOf };
}

/** The list that ships with the program. */
export function bundledPrices(): Prices {
  return readPrices(JSON.parse(readFileSync(new URL('prices.json', import.meta.url), 'utf8')));
}
