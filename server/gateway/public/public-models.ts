/** Models as OpenAI clients list them (v1 spec 5.1, 5.2). Pure, from the list that the key may see. */
import { listOf, recordOf, textOf, type JsonRecord } from '../../lib/json-values.ts';

/** @param list - The list as the key sees it, `{"models":[…]}`. @param created - Unix seconds, the same for each call. */
export function publicModels(list: Buffer, created: number): JsonRecord[] {
  const models = listOf(recordOf(JSON.parse(list.toString('utf8')))['models']).map(recordOf);
  return models
    .filter(({ visibility }) => visibility !== 'hide' && visibility !== 'hidden')
    .toSorted(
      (left, right) => priorityOf(left) - priorityOf(right) || compare(textOf(left['slug']), textOf(right['slug'])),
    )
    .map((model) => publicModel(model, created));
}

function publicModel(model: JsonRecord, created: number): JsonRecord {
  const context = contextLength(model);
  const efforts = listOf(model['supported_reasoning_levels']).map(
    (each) => textOf(recordOf(each)['effort']) || textOf(each),
  );
  const modalities = listOf(model['input_modalities']);
  return {
    id: model['slug'],
    object: 'model',
    created,
    owned_by: 'codex-pooler',
    ...(textOf(model['display_name']) === '' ? {} : { display_name: model['display_name'] }),
    // Some tools read the second spelling.
    ...(context === null ? {} : { context_length: context, contextLength: context }),
    input_modalities: modalities.length > 0 ? modalities : ['text'],
    supportsVision: modalities.includes('image'),
    supports_reasoning: efforts.length > 0,
    supports_tools: true,
    supports_streaming: true,
    supported_reasoning_efforts: efforts,
  };
}

/** What a client may fill: the share of the window that the provider leaves it. */
function contextLength(model: JsonRecord): number | null {
  const { context_window: window, effective_context_window_percent: percent } = model;
  if (typeof window !== 'number') return null;
  return Math.floor((window * (typeof percent === 'number' ? percent : 100)) / 100);
}

function priorityOf(model: JsonRecord): number {
  return typeof model['priority'] === 'number' ? model['priority'] : Number.MAX_SAFE_INTEGER;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
