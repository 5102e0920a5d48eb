/** Handlers of the price endpoints. */
import type { Handlers } from '../contract/endpoint.ts';
import type { Price, prices } from '../contract/prices.ts';
import type { PriceBook } from './price-book.ts';
import type { Rates } from './prices.ts';

/** @example const handlers = createPricesApi({ book, read: () => fetchPrices(parts) }); */
export function createPricesApi({
  book,
  read,
}: {
  book: PriceBook;
  read: () => Promise<unknown>;
}): Handlers<typeof prices> {
  const shown = () => {
    const { asOf, source, fetchedAt, longContextAboveInputTokens } = book;
    return { asOf, source, fetchedAt, longContextAboveInputTokens, prices: rowsOf(book) };
  };
  return {
    list: () => Promise.resolve(shown()),
    async refresh() {
      await read();
      return shown();
    },
  };
}

function rowsOf({ models }: PriceBook): Price[] {
  return [...models].flatMap(([model, tiers]) =>
    Object.entries(tiers).flatMap(([tier, { default: usual, long }]) => [
      { model, tier, bucket: 'default' as const, ...shownRates(usual) },
      ...(long === undefined ? [] : [{ model, tier, bucket: 'long' as const, ...shownRates(long) }]),
    ]),
  );
}

function shownRates(rates: Rates | null): Omit<Price, 'model' | 'tier' | 'bucket'> {
  const { input = null, cached = null, cacheWrite = null, output = null } = rates ?? {};
  return { input, cached, cacheWrite, output, reasoning: rates?.reasoning ?? output };
}
