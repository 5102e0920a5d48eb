/** Asks the provider for one account's model list (wire spec B11). */
import { CatalogUnreadable, splitCatalog } from './split-catalog.ts';

/** Real lists are some 100 KB, most of it instructions inside the entries. */
const maxCatalogBytes = 8 * 1024 * 1024;

/** A list that was read, as it came. */
export interface FetchedCatalog {
  readonly body: Buffer;
  readonly etag: string | null;
  readonly slugs: readonly string[];
}

/** The answer's status, and the list if it was one. */
export interface CatalogAnswer {
  readonly status: number;
  readonly found: FetchedCatalog | null;
}

/**
 * @param options.get asks the backend for a path, for one account; rejects when no whole answer comes
 * @param options.clientVersion the provider withholds models from older Codex versions
 */
export async function fetchCatalog({
  get,
  clientVersion,
}: {
  get: (
    path: string,
    options: { maxBytes: number },
  ) => Promise<{
    status: number;
    headers: ReadonlyMap<string, string>;
    body: Buffer;
  }>;
  clientVersion: string;
}): Promise<CatalogAnswer> {
  const path = `/backend-api/codex/models?client_version=${encodeURIComponent(clientVersion)}`;
  const { status, headers, body } = await get(path, { maxBytes: maxCatalogBytes });
  if (status < 200 || status >= 300) return { status, found: null };
  try {
    const slugs = splitCatalog(body).map(({ slug }) => slug);
    // An empty list would take every model from the account; no plan offers none.
    if (slugs.length === 0) return { status, found: null };
    return { status, found: { body, etag: readEtag(headers.get('etag')), slugs } };
  } catch (error) {
    if (error instanceof CatalogUnreadable) return { status, found: null };
    throw error;
  }
}

/** An entity tag as RFC 9110 § 8.8.3 writes it, short enough to be passed on as a header; else null. */
function readEtag(header: string | undefined): string | null {
  return header !== undefined && /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/.test(header) ? header : null;
}
