/** The name the provider gives a new file, from its answer. Pure. */
import { parseJson, recordOf } from '../../lib/json-values.ts';

/** What a file's name looks like; anything else is no name, and would be kept or sent on for nothing. */
export const fileIdPattern = /^[A-Za-z0-9][\w.-]{0,199}$/;

/** null when the answer names none. */
export function readFileId(body: Buffer): string | null {
  const { file_id: id } = recordOf(parseJson(body));
  return typeof id === 'string' && fileIdPattern.test(id) ? id : null;
}
