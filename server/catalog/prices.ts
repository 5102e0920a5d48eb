/** Price lists: what models cost at API prices, with date and source in the list itself. One ships with the program. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const rate = z.number().min(0).multipleOf(0.001);

/** Micro-USD per token. Reasoning tokens cost as much as other output unless a rate says otherwise. */
const Rates = z
  .object({ input: rate, cached: rate, cacheWrite: rate.optional(), output: rate, reasoning: rate.optional() })
  .strict();
export type Rates = z.infer<typeof Rates>;

/** `null` says that the provider names no price for it, which is not the same as a list that does not know. */
const Buckets = z.object({ default: Rates.nullable(), long: Rates.nullable().optional() }).strict();
/** A fetched list is stranger's text: names are short, and there are not endlessly many. */
const Name = z.string().min(1).max(200);
const Tiers = z.record(Name, Buckets).refine((tiers) => Object.keys(tiers).length <= 20);
type Tiers = z.infer<typeof Tiers>;

const PriceFileSchema = z
  .object({
    asOf: z.iso.date(),
    source: z.url({ protocol: /^https?$/ }).max(2_000),
    unit: z.string().max(200),
    longContextAboveInputTokens: z.number().int().positive(),
    models: z.record(Name, Tiers).refine((models) => Object.keys(models).length <= 10_000),
  })
  .strict();
export type PriceFile = z.infer<typeof PriceFileSchema>;

export interface Prices {
  readonly asOf: string;
  readonly source: string;
  /** Above this many input tokens the whole request is priced by the long-context rates. */
  readonly longContextAboveInputTokens: number;
  /** Every priced model by its name in lower case, with its rates by service tier. */
  readonly models: ReadonlyMap<string, Tiers>;
  /** Rates by service tier; undefined when no price is known for the model. */
  tiersOf(model: string): Tiers | undefined;
}

/** A version at the end of a model's name, which is priced as the model itself. Other endings name other models. */
const versionAtEnd = /(-(\d{4}-\d{2}-\d{2}|\d{8}|latest))+$/;

/** Model names are compared in lower case; a name with a version falls back to the name without it. */
export function pricesOf({ asOf, source, longContextAboveInputTokens, models }: PriceFile): Prices {
  // A client may name its model anything, `constructor` too.
  const byName = new Map(Object.entries(models).map(([name, tiers]) => [name.trim().toLowerCase(), tiers]));
  const tiersOf = (model: string) => {
    const name = model.trim().toLowerCase();
    return byName.get(name) ?? byName.get(name.replace(versionAtEnd, ''));
  };
  return { asOf, source, longContextAboveInputTokens, models: byName, tiersOf };
}

/** Reads a price list. @throws ZodError when it is not one */
export function readPrices(file: unknown): Prices {
  return pricesOf(PriceFileSchema.parse(file));
}

/** A list from elsewhere; null when it cannot be read to the last rate. */
export function parsePriceFile(file: unknown): PriceFile | null {
  return PriceFileSchema.safeParse(file).data ?? null;
}

/** The list that ships with the program. */
export function bundledFile(): PriceFile {
  return PriceFileSchema.parse(JSON.parse(readFileSync(new URL('prices.json', import.meta.url), 'utf8')));
}

/** What it says. */
export function bundledPrices(): Prices {
  return pricesOf(bundledFile());
}
