/** Answers of the image routes: the image as one document, or its stages as events (v1 spec 2.9). Pure. */
import { isRecord, listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { AnswerRendering, SaidFailure } from '../dialect.ts';

export interface ImageRenderingOptions {
  readonly kind: 'generation' | 'edit';
  /** Unix seconds, for answers that name no time. */
  readonly createdAt: number;
  /** What may be said of the error object of a tool call that failed. */
  readonly failureOf: (error: JsonRecord) => SaidFailure;
  /** Does it say what is wrong with the request? Only that is the client's to know. */
  readonly isOfRequest: (error: JsonRecord) => boolean;
  /** What an answer without an image ends with, given what is wrong with the request. */
  readonly errorOf: (error: JsonRecord | null) => Error;
}

const shown = ['background', 'output_format', 'quality', 'size'];

export function renderImages({
  kind,
  createdAt,
  failureOf,
  isOfRequest,
  errorOf,
}: ImageRenderingOptions): AnswerRendering {
  const prefix = kind === 'edit' ? 'image_edit' : 'image_generation';
  let call: JsonRecord | null = null;
  let usage: JsonRecord | null = null;
  let refused: JsonRecord | null = null;
  let ending: AnswerRendering['ending'] = null;

  function finish(response: JsonRecord): string {
    for (const item of listOf(response['output'])) note(recordOf(item));
    if (!call) {
      if (refused && !isOfRequest(refused)) refused = null;
      throw errorOf(refused);
    }
    const spent = recordOf(response['tool_usage'])['image_gen'];
    usage = isRecord(spent) ? spent : null;
    ending = 'completed';
    const image = { b64_json: call['result'], created_at: createdAt, ...shownOf(call) };
    return blockOf({ type: `${prefix}.completed`, ...image, ...(usage && { usage }) });
  }

  /** The first image counts: only one is asked for. */
  function note(item: JsonRecord): void {
    if (item['type'] !== 'image_generation_call') return;
    if (textOf(item['result']) !== '') call ??= item;
    else if (isRecord(item['error'])) refused = item['error'];
  }

  return {
    push(event) {
      if (ending !== null) return '';
      switch (event['type']) {
        case 'response.image_generation_call.partial_image':
          return partialOf(event, { prefix, createdAt });
        case 'response.output_item.done':
          note(recordOf(event['item']));
          return '';
        case 'response.completed':
        case 'response.done':
        case 'response.incomplete':
          return finish(recordOf(event['response']));
        case 'response.failed':
        case 'error':
          refused = recordOf(recordOf(event['response'])['error'] ?? event['error'] ?? event);
          ending = 'failed';
          return blockOfFailure(failureOf(refused));
        default:
          return '';
      }
    },
    breakOff: (failure) => (ending === null ? blockOfFailure(refused ? failureOf(refused) : failure) : ''),
    document() {
      const { result, revised_prompt: revised } = call ?? {};
      return {
        created: createdAt,
        data: [{ b64_json: result, ...(textOf(revised) === '' ? {} : { revised_prompt: revised }) }],
        ...shownOf(call ?? {}),
        ...(usage && { usage }),
      };
    },
    get ending() {
      return ending;
    },
    get failure() {
      return refused;
    },
  };
}

function partialOf(event: JsonRecord, { prefix, createdAt }: { prefix: string; createdAt: number }): string {
  return blockOf({
    type: `${prefix}.partial_image`,
    b64_json: event['partial_image_b64'],
    created_at: createdAt,
    partial_image_index: event['partial_image_index'],
    ...shownOf(event),
  });
}

function shownOf(source: JsonRecord): JsonRecord {
  return Object.fromEntries(shown.flatMap((name) => (textOf(source[name]) === '' ? [] : [[name, source[name]]])));
}

function blockOfFailure({ code, message, type }: SaidFailure): string {
  return blockOf({ type: 'error', error: { message, type, param: null, code } });
}

function blockOf(event: JsonRecord): string {
  return `event: ${textOf(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;
}
