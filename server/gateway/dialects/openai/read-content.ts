/** Content parts of public messages and tool outputs as the provider takes them (v1 spec 2.7, 3.2). Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { isRecord, listOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { rowOf } from '../../../lib/row-of.ts';
import { badValue } from './bad-request.ts';

/** Decoded audio may be this large; longer base64 is refused before it is looked at (v1 spec 1.3). */
const maxAudioBytes = 52_428_800;
const maxAudioCharacters = 69_905_068;

const audioTypes: Readonly<Record<string, string>> = {
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  webm: 'audio/webm',
  ogg: 'audio/ogg',
};

const imageData = /^data:image\/(?:png|jpe?g|gif|webp);base64,/i;
const fileData = /^data:(?:application\/pdf|text\/plain)(?:;charset=[\w-]+)?;base64,/i;
/** A PDF in base64 begins with this, whatever follows. */
const pdfStart = 'JVBERi0';
const details = new Set(['low', 'high', 'auto', 'original']);

/**
 * The parts of one message or tool output. A bare text is one part.
 *
 * @param options.at - Where the parts stand in the client's request, for refusals.
 * @param options.role - Assistants' texts are output, all others' input.
 */
export function readContent(content: unknown, { at, role }: { at: string; role: string }): JsonRecord[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return textParts(content, role);
  if (!Array.isArray(content)) throw badValue(at, 'must be a string or a list of parts');
  return content.flatMap((part: unknown, index) => readPart(part, { at: `${at}[${index}]`, role }));
}

/** @param options.at - The part's own place. @returns nothing for what an earlier answer only thought. */
export function readPart(part: unknown, { at, role }: { at: string; role: string }): JsonRecord[] {
  if (typeof part === 'string') return textParts(part, role);
  if (!isRecord(part)) throw badValue(at, 'must be an object');
  switch (part['type']) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return textParts(expectText(part['text'], `${at}.text`), role).map((text) => ({
        ...text,
        ...annotationsOf(part, role),
      }));
    case 'refusal':
      return [{ type: 'refusal', refusal: expectText(part['refusal'], `${at}.refusal`) }];
    case 'image_url':
    case 'input_image':
      return [readImage(part)];
    case 'file':
    case 'input_file':
      return [readFile(part)];
    case 'input_audio':
      return [readAudio(part)];
    case 'thinking':
    case 'reasoning':
    case 'redacted_thinking':
      return [];
    default:
      throw badValue(`${at}.type`, 'must be a part this gateway supports: text, image, file or audio');
  }
}

/** An assistant that said nothing has no part: clients send an empty text beside its calls. */
function textParts(text: string, role: string): JsonRecord[] {
  if (role !== 'assistant') return [{ type: 'input_text', text }];
  return text === '' ? [] : [{ type: 'output_text', text }];
}

/** Only citations are kept of what an earlier answer carried. */
function annotationsOf(part: JsonRecord, role: string): JsonRecord {
  if (role !== 'assistant') return {};
  const citations = listOf(part['annotations']).filter((each) => isRecord(each) && each['type'] === 'url_citation');
  return citations.length > 0 ? { annotations: citations } : {};
}

function readImage(part: JsonRecord): JsonRecord {
  const given = part['image_url'];
  const nested = isRecord(given) ? given : {};
  const detail = part['detail'] ?? nested['detail'];
  const url = textOf(given) || textOf(nested['url']);
  const fileId = textOf(part['file_id']).trim();
  if (detail !== undefined && detail !== null && !details.has(textOf(detail)))
    throw badValue('input', 'must name the detail of an image as low, high, auto or original');
  const kept = details.has(textOf(detail)) ? { detail } : {};
  if (url === '' && fileId !== '') return { type: 'input_image', file_id: fileId, ...kept };
  if (!isImageAddress(url)) throw new GatewayError('unsupported_input_image_format', { param: 'input' });
  return { type: 'input_image', image_url: url, ...kept };
}

function isImageAddress(url: string): boolean {
  if (/^https:\/\/[^\s]+$/i.test(url)) return true;
  const head = imageData.exec(url)?.[0];
  return head !== undefined && isBase64(url.slice(head.length));
}

function readFile(part: JsonRecord): JsonRecord {
  const inner = isRecord(part['file']) ? part['file'] : part;
  const { file_id: id, file_url: url, filename, file_data: data } = inner;
  if (textOf(id).trim() !== '') return { type: 'input_file', file_id: id };
  if (/^https:\/\/[^\s]+$/i.test(textOf(url))) return { type: 'input_file', file_url: url };
  const address = fileAddress(textOf(data));
  if (address === null) throw new GatewayError('unsupported_input_file_format', { param: 'input' });
  return { type: 'input_file', filename: textOf(filename) || 'file', file_data: address };
}

function fileAddress(data: string): string | null {
  const head = fileData.exec(data)?.[0];
  if (head !== undefined) return isBase64(data.slice(head.length)) ? data : null;
  return data.startsWith(pdfStart) && isBase64(data) ? `data:application/pdf;base64,${data}` : null;
}

function readAudio(part: JsonRecord): JsonRecord {
  const { data, format } = isRecord(part['input_audio']) ? part['input_audio'] : part;
  const type = rowOf(audioTypes, textOf(format));
  const wrong = (what: string) => badValue('input', what);
  if (type === undefined) throw wrong('must hold audio as wav, mp3, m4a, webm or ogg');
  if (textOf(data).length > maxAudioCharacters * 2) throw wrong('must hold at most 50 MiB of audio');
  const plain = textOf(data).replaceAll(/\s+/g, '');
  if (plain.length > maxAudioCharacters) throw wrong('must hold at most 50 MiB of audio');
  if (plain === '' || !isBase64(plain)) throw wrong('must hold audio in base64');
  if (Math.floor((plain.length * 3) / 4) > maxAudioBytes) throw wrong('must hold at most 50 MiB of audio');
  return { type: 'input_audio', audio_url: `data:${type};base64,${plain}` };
}

/** Line breaks are allowed, a wrong padding is not. */
function isBase64(text: string): boolean {
  const plain = /\s/.test(text) ? text.replaceAll(/\s+/g, '') : text;
  return plain !== '' && plain.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(plain);
}

function expectText(value: unknown, at: string): string {
  if (typeof value !== 'string') throw badValue(at, 'must be a string');
  return value;
}
