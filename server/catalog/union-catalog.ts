/** One model list out of several accounts' lists, entry by entry as the provider wrote them. Pure. */
import { createHash } from 'node:crypto';
import { splitCatalog, type CatalogEntry } from './split-catalog.ts';

/** One account's list as it is kept. */
export interface AccountCatalog {
  readonly accountId: string;
  readonly body: Buffer;
  /** The provider's own ETag. */
  readonly etag: string | null;
}

export interface UnionCatalog {
  /** `{"models":[…]}`. */
  readonly body: Buffer;
  readonly etag: string;
  /** Its entries in order, for callers that show some of them only. */
  readonly entries: readonly CatalogEntry[];
  /** All accounts have the same list, so the provider's ETag and `x-models-etag` speak of this one. */
  readonly isOneCatalog: boolean;
}

/**
 * The union of lists, given oldest account first. The first account that lists a model decides how its entry reads;
 * models come in the order of the first list, then what later ones add. The same lists always give the same bytes.
 *
 * A list of one account, or one that all share, keeps the provider's ETag: clients compare it with `x-models-etag` of
 * answers and would fetch the list again after every turn if it differed (wire spec A9).
 */
export function unionCatalog(catalogs: readonly AccountCatalog[]): UnionCatalog {
  const bySlug = new Map<string, CatalogEntry>();
  for (const { body } of catalogs) {
    for (const entry of splitCatalog(body)) if (!bySlug.has(entry.slug)) bySlug.set(entry.slug, entry);
  }
  const entries = [...bySlug.values()];
  const first = catalogs[0];
  const isOneCatalog = first !== undefined && catalogs.every(({ body }) => body.equals(first.body));
  const rendered = renderCatalog(entries);
  const etag = (isOneCatalog ? first.etag : null) ?? rendered.etag;
  return { body: rendered.body, etag, entries, isOneCatalog };
}

/** A list of these entries, byte for byte, and a weak ETag that names its content. */
export function renderCatalog(entries: readonly CatalogEntry[]): { body: Buffer; etag: string } {
  const comma = Buffer.from(',');
  const pieces = entries.flatMap(({ bytes }, index) => (index === 0 ? [bytes] : [comma, bytes]));
  const body = Buffer.concat([Buffer.from('{"models":['), ...pieces, Buffer.from(']}')]);
  return { body, etag: `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}
