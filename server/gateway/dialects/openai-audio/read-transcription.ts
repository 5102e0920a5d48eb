/** Reads a request of `/v1/audio/transcriptions` (v1 spec 2.9). Pure. */
import type { Form, FormFile, FormLimits } from '../../media/form.ts';
import { badValue, missing, unsupported } from '../openai/bad-request.ts';

export interface TranscriptionRequest {
  /** As the client named it; one model hears for all of them. */
  readonly model: string;
  readonly file: FormFile;
  /** What goes on beside the recording, in the client's order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly isPlainText: boolean;
}

/** v1 spec 1.3. */
export const transcriptionForm: FormLimits = {
  maxBytes: 32 * 2 ** 20,
  maxFields: 32,
  maxFieldBytes: 256 * 1024,
  maxFileBytes: 25_000_000,
  maxFilesBytes: 25_000_000,
  files: { file: { count: 1, param: 'file' } },
};

/** One model hears for all of them. */
export const transcriptionModels = ['gpt-4o-transcribe', 'gpt-transcribe', 'gpt-4o-mini-transcribe', 'whisper-1'];
/** Checked, and of no meaning to the provider. */
const dropped = new Set(['model', 'language', 'temperature', 'response_format', 'stream', 'user']);
const lists: Readonly<Record<string, string>> = {
  keywords: 'keywords[]',
  'keywords[]': 'keywords[]',
  languages: 'languages[]',
  'languages[]': 'languages[]',
};

/** @throws {GatewayError} naming the field at fault. */
export function readTranscription({ fields, files }: Form): TranscriptionRequest {
  const unknown = fields.map(([name]) => name).filter((name) => !isKnown(name));
  const [first] = unknown.toSorted();
  if (first !== undefined) throw unsupported(/^[\w.[\]-]{1,64}$/.test(first) ? first : '(unnamed)');
  const value = (name: string) => fields.findLast(([each]) => each === name)?.[1];
  const model = value('model')?.trim();
  if (!model) throw missing('model');
  if (!transcriptionModels.includes(model)) throw badValue('model', `must be one of ${transcriptionModels.join(', ')}`);
  const [file] = files;
  if (!file) throw missing('file');
  if (file.bytes.length === 0) throw badValue('file', 'must not be empty');
  const format = value('response_format') ?? 'json';
  if (format !== 'json' && format !== 'text') throw badValue('response_format', 'must be json or text');
  if (!['false', '', undefined].includes(value('stream')))
    throw unsupported('stream', 'A transcription is answered as a whole.');
  const temperature = Number(value('temperature') ?? 0);
  if (!(temperature >= 0 && temperature <= 1)) throw badValue('temperature', 'must be a number between 0 and 1');
  for (const [name, each] of fields)
    if (Object.hasOwn(lists, name) && each.trim() === '' && fields.filter(([other]) => other === name).length > 1)
      throw badValue(name, 'must not hold blanks');
  return { model, file, fields: fields.flatMap(travelling), isPlainText: format === 'text' };
}

function isKnown(name: string): boolean {
  return dropped.has(name) || name === 'prompt' || Object.hasOwn(lists, name);
}

function travelling([name, value]: readonly [string, string]): [string, string][] {
  if (value.trim() === '') return [];
  if (name === 'prompt') return [[name, value]];
  const list = Object.hasOwn(lists, name) ? lists[name] : undefined;
  return list === undefined ? [] : [[list, value]];
}
