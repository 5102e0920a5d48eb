/**
 * Fetches a price list from the address an operator gave. Only one that can be read to the last rate, and is not older
 * than the one in force, takes its place; anything else leaves the prices as they are.
 */
import type { Kysely } from 'kysely';
import { GatewayError } from '../contract/gateway-error.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import { parseJson } from '../lib/json-values.ts';
import { AnswerTooLarge, readWhole } from '../world/read-whole.ts';
import { NetworkFault, type Clock, type Network } from '../world/world.ts';
import type { PriceBook } from './price-book.ts';
import { savePriceList } from './price-store.ts';
import { parsePriceFile } from './prices.ts';

/** The bundled list takes 2 KB; ten thousand models would take about two megabytes. */
const maxBytes = 2 * 2 ** 20;
const limitMs = 30_000;

export interface PriceFetchParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly network: Pick<Network, 'call'>;
  readonly book: PriceBook;
  /** Empty: off. */
  readonly url: () => string;
}

/**
 * @returns how many models the list prices
 * @throws {GatewayError} `prices_url_missing`, `prices_not_fetched`, `prices_unreadable`, `prices_older`
 */
export async function fetchPrices({ db, clock, network, book, url }: PriceFetchParts): Promise<number> {
  const address = url();
  if (address === '') throw new GatewayError('prices_url_missing');
  const file = parsePriceFile(parseJson(await download(address, { clock, network })));
  if (!file) throw new GatewayError('prices_unreadable');
  if (file.asOf < book.asOf) throw new GatewayError('prices_older');
  await savePriceList(db, { file, fetchedAt: clock.now(), url: address });
  await announceChange(db, 'prices');
  await book.reload();
  return Object.keys(file.models).length;
}

async function download(url: string, { clock, network }: Pick<PriceFetchParts, 'clock' | 'network'>): Promise<Buffer> {
  const limit = new AbortController();
  const timer = clock.timer(limitMs, () => limit.abort());
  try {
    const headers = [['accept', 'application/json']] as const;
    const answer = await network.call('account', {
      method: 'GET',
      url,
      headers,
      signal: limit.signal,
      headersMs: limitMs,
    });
    if (answer.status === 200) return await readWhole(answer, maxBytes);
    answer.cancel();
    throw new GatewayError('prices_not_fetched');
  } catch (error) {
    if (error instanceof AnswerTooLarge) throw new GatewayError('prices_unreadable', { cause: error });
    if (error instanceof NetworkFault) throw new GatewayError('prices_not_fetched', { cause: error });
    throw error;
  } finally {
    timer.stop();
  }
}
