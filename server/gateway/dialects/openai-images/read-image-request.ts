/** Reads requests of `/v1/images/generations` and `/v1/images/edits` (v1 spec 2.9). Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { textOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { Form, FormFile, FormLimits } from '../../media/form.ts';
import { badValue, missing, unsupported } from '../openai/bad-request.ts';
import { isAnything, isBoolean, isInteger, isText, isWord } from '../openai/checks.ts';
import { reader, readFields, reject, strip, type FieldTable } from '../openai/fields.ts';
import { imageType } from './image-type.ts';
import { sizeFault } from './image-size.ts';

export interface ImageRequest {
  readonly kind: 'generation' | 'edit';
  /** The model that draws. */
  readonly model: string;
  /** With what has to be said of a mask. */
  readonly prompt: string;
  /** Options of the tool that draws, as the client gave them. */
  readonly options: JsonRecord;
  /** Data URLs; a mask is the last. */
  readonly images: readonly string[];
  readonly wantsStream: boolean;
}

const largestFile = 50_000_000 - 1;

/** v1 spec 1.3. */
export const editForm: FormLimits = {
  maxBytes: 64 * 2 ** 20,
  maxFields: 32,
  maxFieldBytes: 256 * 1024,
  maxFileBytes: largestFile,
  maxFilesBytes: largestFile,
  files: {
    image: { count: 16, param: 'image' },
    'image[]': { count: 16, param: 'image' },
    mask: { count: 1, param: 'mask' },
  },
};

/** The models that draw. */
export const imageModels = ['gpt-image-2', 'gpt-image-1.5', 'gpt-image-1', 'gpt-image-1-mini'];
const usualModel = 'gpt-image-2';
/** Models that can be told how closely to keep to an image. */
const faithful = new Set(['gpt-image-1', 'gpt-image-1.5']);

const common: FieldTable = {
  model: reader(isText()),
  prompt: reader(isText({ mayBeBlank: false })),
  n: reject(1),
  size: reader(isText()),
  quality: reader(isWord('auto', 'low', 'medium', 'high')),
  background: reader(isWord('auto', 'opaque', 'transparent')),
  output_format: reader(isWord('png', 'jpeg', 'webp')),
  output_compression: reader(isInteger({ min: 0, max: 100 })),
  moderation: reader(isWord('auto', 'low')),
  response_format: reject('b64_json'),
  stream: reader(isBoolean),
  partial_images: reader(isInteger({ min: 0, max: 3 })),
  user: strip(isAnything),
};
const editFields: FieldTable = { ...common, input_fidelity: reader(isWord('low', 'high')) };

const optionNames = [
  'size',
  'quality',
  'background',
  'output_format',
  'output_compression',
  'moderation',
  'input_fidelity',
  'partial_images',
];

/** @throws {GatewayError} naming the field at fault. */
export function readGeneration(request: JsonRecord): ImageRequest {
  return { kind: 'generation', images: [], ...readCommon(request, common) };
}

/** @throws {GatewayError} naming the field at fault. */
export function readEdit({ fields, files }: Form): ImageRequest {
  const read = readCommon(Object.fromEntries(fields.map(([name, value]) => [name, typed(name, value)])), editFields);
  const { model, options } = read;
  if (options['input_fidelity'] !== undefined && !faithful.has(model))
    throw unsupported('input_fidelity', `Only ${[...faithful].join(' and ')} take it.`);
  const images = files.filter(({ param }) => param === 'image');
  const mask = files.find(({ param }) => param === 'mask');
  if (images.length === 0) throw missing('image');
  return {
    ...read,
    kind: 'edit',
    prompt: mask ? `${read.prompt}\n\n${maskSentence}` : read.prompt,
    images: [...images, ...(mask ? [mask] : [])].map(dataUrlOf),
  };
}

/** The provider's tool takes images only; one of them has to be told apart by words. */
const maskSentence =
  'The last image is a mask for the first: change only what is transparent in the mask, and leave the rest as it is.';

function readCommon(request: JsonRecord, table: FieldTable): Omit<ImageRequest, 'kind' | 'images'> {
  const { given } = readFields({ ...request, model: request['model'] ?? usualModel }, table);
  const prompt = textOf(given['prompt']);
  if (prompt === '') throw missing('prompt');
  const model = textOf(given['model']).trim();
  if (!imageModels.includes(model)) throw new GatewayError('invalid_image_model', { param: 'model' });
  const options = Object.fromEntries(
    optionNames.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  const { size, background } = options;
  const fault = size === undefined ? null : sizeFault(textOf(size), { isFree: model === usualModel });
  if (fault !== null) throw badValue('size', fault);
  if (background === 'transparent' && model === usualModel)
    throw badValue('background', `must not be transparent with ${usualModel}`);
  return { model, prompt, options, wantsStream: given['stream'] === true };
}

/** A form holds texts only. */
function typed(name: string, value: string): unknown {
  if (['n', 'output_compression', 'partial_images'].includes(name) && /^\d{1,6}$/.test(value)) return Number(value);
  if (name === 'stream' && /^(?:true|false)$/.test(value)) return value === 'true';
  return value;
}

function dataUrlOf({ bytes, param }: FormFile): string {
  const type = imageType(bytes);
  if (type === null) throw new GatewayError('unsupported_input_image_format', { param });
  return `data:${type};base64,${bytes.toString('base64')}`;
}
