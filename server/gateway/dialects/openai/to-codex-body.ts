/**
 * The provider's request for a public one (v1 spec rules 1, 4, 5; gateway spec 2.7). The order of members never changes,
 * so a conversation sent again begins with the same bytes and the provider's prompt cache finds it. Pure.
 */
import { isRecord, listOf, type JsonRecord } from './json-record.ts';
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
  const effort = choices.effort === null ? {} : { effort: upstreamEffort(choices.effort) };
  const { summary, ...asked } = request.reasoning;
  const told = choices.takesSummary && summary !== undefined ? { summary } : {};
  const reasoning = { ...effort, ...told, ...asked, ...(choices.isLite ? { context: 'all_turns' } : {}) };
  const { promptCacheKey, include } = request;
  return Buffer.from(
    renderJson({
      model: choices.model,
      ...body,
      ...(Object.keys(reasoning).length > 0 ? { reasoning } : {}),
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
