/**
 * The prices in force: the bundled list, and over it the fetched one where that is as new. A model that the fetched list
 * does not name keeps its bundled price.
 */
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import type { Log } from '../world/world.ts';
import { bundledFile, bundledPrices, parsePriceFile, pricesOf, type Prices } from './prices.ts';
import { selectPriceList } from './price-store.ts';

export interface PriceBook extends Prices {
  /** When the list in force was fetched; null when it is the bundled one. */
  readonly fetchedAt: Date | null;
  /** Reads the stored list; call at start, on the topic `prices`, and when the address may have changed. */
  reload(): Promise<void>;
}

/**
 * The bundled prices until `reload()` was called.
 *
 * @param options.url where lists are fetched now, empty for nowhere: one from elsewhere does not count
 */
export function createPriceBook({ db, log, url }: { db: Kysely<DB>; log: Log; url: () => string }): PriceBook {
  const bundled = bundledFile();
  let current: { prices: Prices; fetchedAt: Date | null } = { prices: bundledPrices(), fetchedAt: null };

  async function reload(): Promise<void> {
    const found = await selectPriceList(db);
    const stored = found && url() !== '' && (found.url ?? url()) === url() ? found : null;
    const file = stored ? parsePriceFile(stored.body) : null;
    if (stored && !file) log.warn('stored_prices_unreadable');
    if (!stored || !file || file.asOf < bundled.asOf) {
      current = { prices: bundledPrices(), fetchedAt: null };
      return;
    }
    const models = { ...bundled.models, ...file.models };
    current = { prices: pricesOf({ ...file, models }), fetchedAt: stored.fetchedAt };
  }

  return {
    get asOf() {
      return current.prices.asOf;
    },
    get source() {
      return current.prices.source;
    },
    get longContextAboveInputTokens() {
      return current.prices.longContextAboveInputTokens;
    },
    get models() {
      return current.prices.models;
    },
    get fetchedAt() {
      return current.fetchedAt;
    },
    tiersOf: (model) => current.prices.tiersOf(model),
    reload,
  };
}
