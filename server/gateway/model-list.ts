/** The model list a client gets: whole entries of the Pool's list, byte for byte, as far as its key may use them. Pure. */
import { hash } from 'node:crypto';
import { mayUseModel, type Client } from '../api-keys/key-book.ts';
import type { UnionCatalog } from '../catalog/union-catalog.ts';

export interface ModelList {
  readonly body: Buffer;
  readonly etag: string;
}

/** A key without a list of allowed models gets the Pool's list and its ETag as they are. */
export function modelListOf(catalog: UnionCatalog, client: Client): ModelList {
  if (client.allowedModels === null) return { body: catalog.body, etag: catalog.etag };
  const entries = catalog.entries.filter(({ slug }) => mayUseModel(client, slug));
  const joined = entries.flatMap(({ bytes }, index) => (index === 0 ? [bytes] : [comma, bytes]));
  const body = Buffer.concat([opening, ...joined, closing]);
  return { body, etag: `W/"${hash('sha256', body, 'hex').slice(0, 32)}"` };
}

const opening = Buffer.from('{"models":[');
const comma = Buffer.from(',');
const closing = Buffer.from(']}');
