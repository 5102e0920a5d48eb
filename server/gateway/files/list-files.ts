/** What a key is shown of its files. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { badValue } from '../dialects/openai/bad-request.ts';
import { fileIdPattern } from '../attempt/read-file-id.ts';
import type { FileStore } from './file-store.ts';
import { filePurposes } from './read-file-form.ts';
import { fileObject, type UploadedFile } from './uploaded-file.ts';

/** As the query of an address gives them. */
export type ListQuery = Readonly<Record<string, string | string[] | undefined>>;

const mostFiles = 1_000;

/** @throws {GatewayError} `invalid_request` or `file_not_found`, naming the parameter at fault. */
export async function listFiles(
  { keyId, query }: { keyId: string; query: ListQuery },
  files: Pick<FileStore, 'list' | 'knows'>,
) {
  const { limit = String(mostFiles), order = 'desc', after, purpose } = query;
  if (!/^[1-9]\d{0,4}$/.test(String(limit))) throw badValue('limit', 'must be a whole number of at least 1');
  if (order !== 'asc' && order !== 'desc') throw badValue('order', 'must be asc or desc');
  if (purpose !== undefined && !filePurposes.includes(String(purpose)))
    throw badValue('purpose', `must be one of ${filePurposes.join(', ')}`);
  if (after !== undefined && !fileIdPattern.test(String(after))) throw badValue('after', 'must be the id of a file');
  // An empty page would say that the list is over.
  if (after !== undefined && !(await files.knows({ keyId, id: String(after) })))
    throw new GatewayError('file_not_found', { param: 'after' });
  const count = Math.min(Number(limit), mostFiles);
  const found = await files.list({
    keyId,
    purpose: purpose === undefined ? null : String(purpose),
    after: after === undefined ? null : String(after),
    isOldestFirst: order === 'asc',
    limit: count + 1,
  });
  const data = found.slice(0, count).map((file) => fileObject(file));
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: found.length > count,
  };
}

/** @throws {GatewayError} `file_not_found` for one of another key as for one that nobody has. */
export async function findFile(
  question: { keyId: string; id: string },
  files: Pick<FileStore, 'find'>,
): Promise<UploadedFile> {
  const file = fileIdPattern.test(question.id) ? await files.find(question) : null;
  if (!file) throw new GatewayError('file_not_found', { param: 'file_id' });
  return file;
}
