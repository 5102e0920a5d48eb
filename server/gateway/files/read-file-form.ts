/** Reads the form of `POST /v1/files` (v1 spec 1.3, 2.9). Pure. */
import { badValue, missing, unsupported } from '../dialects/openai/bad-request.ts';
import { plainName } from '../dialects/openai/fields.ts';
import type { Form, FormFile, FormLimits } from '../media/form.ts';

export interface FileRequest {
  readonly file: FormFile;
  readonly purpose: string;
}

const largestFile = 25 * 2 ** 20;

export const fileForm: FormLimits = {
  // What stands around the file is small.
  maxBytes: largestFile + 2 ** 20,
  maxFields: 8,
  maxFieldBytes: 4 * 1024,
  maxFileBytes: largestFile,
  maxFilesBytes: largestFile,
  files: { file: { count: 1, param: 'file' } },
};

export const filePurposes: readonly string[] = ['user_data', 'assistants', 'vision', 'batch', 'fine-tune'];

/** @throws {GatewayError} naming the field at fault. */
export function readFileForm({ fields, files }: Form): FileRequest {
  if (fields.some(([name]) => /^expires_after\b/.test(name)))
    throw unsupported('expires_after', 'Every file is kept for a day.');
  const [unknown] = fields.flatMap(([name]) => (name === 'purpose' ? [] : [name])).toSorted();
  if (unknown !== undefined) throw unsupported(plainName(unknown));
  const purpose = fields.findLast(([name]) => name === 'purpose')?.[1];
  if (purpose === undefined) throw missing('purpose');
  if (!filePurposes.includes(purpose)) throw badValue('purpose', `must be one of ${filePurposes.join(', ')}`);
  const [file] = files;
  if (!file) throw missing('file');
  if (file.bytes.length === 0) throw badValue('file', 'must not be empty');
  return { file, purpose };
}
