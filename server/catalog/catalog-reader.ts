/** Reads an account's model list from the provider and keeps it. */
import type { Kysely } from 'kysely';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { saveCatalog } from './catalog-store.ts';
import { fetchCatalog, type CatalogAnswer } from './fetch-catalog.ts';

/** Asks the provider's backend for one account; rejects when no whole answer comes. */
export type AskForAccount<Account> = (ask: {
  readonly account: Account;
  readonly accessToken: string;
  readonly path: string;
  readonly maxBytes: number;
  readonly atWorkspaceOrigin: boolean;
}) => Promise<{ status: number; headers: ReadonlyMap<string, string>; body: Buffer }>;

export interface CatalogReaderParts<Account> {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly askBackend: AskForAccount<Account>;
  readonly clientVersion: () => string;
}

/** @returns a question about one account's models; a readable answer is stored and announced before it returns. */
export function createCatalogReader<Account extends { readonly id: string }>({
  db,
  clock,
  askBackend,
  clientVersion,
}: CatalogReaderParts<Account>): (ask: { account: Account; accessToken: string }) => Promise<CatalogAnswer> {
  return async ({ account, accessToken }) => {
    const version = clientVersion();
    const answer = await fetchCatalog({
      clientVersion: version,
      get: (path, { maxBytes }) => askBackend({ account, accessToken, path, maxBytes, atWorkspaceOrigin: true }),
    });
    if (answer.found) {
      const { body, etag } = answer.found;
      await saveCatalog(db, { accountId: account.id, body, etag, clientVersion: version, fetchedAt: clock.now() });
      await announceChange(db, 'catalog');
    }
    return answer;
  };
}
