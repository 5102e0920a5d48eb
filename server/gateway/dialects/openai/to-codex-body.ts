/**
 * The provider's request for a public one (v1 spec rules 1, 4, 5; gateway spec 2.7). The order of members never changes,
 * so a conversation sent again begins with the same bytes and the provider's prompt cache finds it. Pure.
 */
import { isRecord, listOf, type JsonRecord } from '../../../lib/json-values.ts';
import { encryptedReasoning, type PublicRequest } from './public-request.ts';
import { renderJson } from './raw-json.ts';
import { upstreamEffort } from './read-reasoning.ts';

/** What the key's policy and the model list made of the request. */
export interface CodexChoices {
  readonly model: string;
  readonly effort: string | null;
  readonly tier: string | null;
  /** The model is served in its lite form. */
  readonly isLite: boolean;
  /** The model makes summaries of its reasoning, as far as is known. */
  readonly takesSummary: boolean;
}

/** What the body is made of. */
export type CodexQuestion = Pick<
  PublicRequest,
  | 'instructions'
  | 'input'
  | 'tools'
  | 'toolChoice'
  | 'parallelToolCalls'
  | 'reasoning'
  | 'text'
  | 'include'
  | 'promptCacheKey'
  | 'forwarded'
>;

export function toCodexBody(request: CodexQuestion, choices: CodexChoices): Buffer {
  const body = choices.isLite ? liteForm(request) : fullForm(request);
  const { promptCacheKey, include } = request;
  return Buffer.from(
    renderJson({
      model: choices.model,
      ...body,
      ...reasoningOf(request, choices),
      store: false,
      stream: true,
      include: [encryptedReasoning, ...include.filter((each) => each !== encryptedReasoning)],
      ...(choices.tier === null ? {} : { service_tier: choices.tier }),
      ...(promptCacheKey === undefined ? {} : { prompt_cache_key: promptCacheKey }),
      ...(Object.keys(request.text).length > 0 ? { text: request.text } : {}),
      ...request.forwarded,
    }),
  );
}

/** The unary call knows few fields, and refuses those of a turn (wire spec A11). */
export function toCompactBody(request: CodexQuestion, choices: CodexChoices): Buffer {
  const { tool_choice: _choice, ...body } = choices.isLite ? liteForm(request) : fullForm(request);
  const text = Object.keys(request.text).length > 0 ? { text: request.text } : {};
  return Buffer.from(renderJson({ model: choices.model, ...body, ...reasoningOf(request, choices), ...text }));
}

function reasoningOf(request: CodexQuestion, { effort, takesSummary, isLite }: CodexChoices): JsonRecord {
  const { summary, ...asked } = request.reasoning;
  const reasoning = {
    ...(effort === null ? {} : { effort: upstreamEffort(effort) }),
    ...(takesSummary && summary !== undefined ? { summary } : {}),
    ...asked,
    ...(isLite ? { context: 'all_turns' } : {}),
  };
  return Object.keys(reasoning).length > 0 ? { reasoning } : {};
}

function fullForm({ instructions, input, tools, toolChoice, parallelToolCalls }: CodexQuestion): JsonRecord {
  return {
    instructions,
    input,
    tools: tools ?? undefined,
    tool_choice: toolChoice,
    parallel_tool_calls: parallelToolCalls,
  };
}

/** Tools and instructions travel as input items, one call at a time (wire spec A4.3). */
function liteForm({ instructions, input, tools, toolChoice }: CodexQuestion): JsonRecord {
  const leading = input[0]?.['type'] === 'additional_tools' && tools === null ? input[0] : null;
  const rest = leading ? input.slice(1) : input;
  const { id: _id, ...named } = leading ?? {};
  const offered = leading ? named : { type: 'additional_tools', role: 'developer', tools: tools ?? [] };
  const said = { type: 'message', role: 'developer', content: [{ type: 'input_text', text: instructions }] };
  return {
    input: [offered, ...(instructions.trim() === '' ? [] : [said]), ...rest.map(withoutDetail)],
    tool_choice: toolChoice,
    parallel_tool_calls: false,
  };
}

/** Lite models refuse the detail of an image. */
function withoutDetail(item: JsonRecord): JsonRecord {
  const strip = (part: unknown) => {
    if (!isRecord(part) || part['type'] !== 'input_image') return part;
    const { detail: _detail, ...rest } = part;
    return rest;
  };
  if (Array.isArray(item['content'])) return { ...item, content: listOf(item['content']).map(strip) };
  if (Array.isArray(item['output'])) return { ...item, output: listOf(item['output']).map(strip) };
  return item;
}
