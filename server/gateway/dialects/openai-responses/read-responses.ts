/** Reads a request of `/v1/responses` (v1 spec 2.1). What is supported stands in one table. Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { isRecord, listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from '../openai/bad-request.ts';
import { isAnything, isBoolean, isInteger, isNumber, isObject, isText, isTextMap, isWord } from '../openai/checks.ts';
import { forward, reader, readFields, reject, strip, type FieldTable } from '../openai/fields.ts';
import { encryptedReasoning, liftInstructions, type PublicRequest } from '../openai/public-request.ts';
import { readInput } from '../openai/read-input.ts';
import { checkCacheOptions, isModeration, readStreamOptions } from '../openai/read-options.ts';
import { readReasoning } from '../openai/read-reasoning.ts';
import { readText } from '../openai/read-text-format.ts';
import { readTier } from '../openai/read-tier.ts';
import { readToolChoice } from '../openai/read-tool-choice.ts';
import { readTools, toolNamesIn } from '../openai/read-tools.ts';

/** THE table of fields, in the order in which they are checked. */
const fields: FieldTable = {
  // Would change the answer in a way that cannot be had.
  top_logprobs: reject(0),
  model: reader(isText()),
  input: reader(isAnything),
  instructions: reader(isText()),
  stream: reader(isBoolean),
  store: strip(isBoolean),
  tools: reader(isAnything),
  tool_choice: reader(isAnything),
  parallel_tool_calls: reader(isBoolean),
  reasoning: reader(isObject),
  text: reader(isObject),
  include: reader(isAnything),
  max_output_tokens: strip(isInteger({ min: 1 })),
  max_tool_calls: reject(),
  temperature: strip(isNumber({ min: 0, max: 2 })),
  top_p: strip(isNumber({ min: 0, max: 1 })),
  truncation: strip(isWord('auto', 'disabled')),
  metadata: strip(isTextMap({ maxEntries: 16, maxKey: 64, maxValue: 512 })),
  user: strip(isText()),
  safety_identifier: strip(isText({ maxLength: 64 })),
  prompt_cache_key: reader(isText({ maxLength: 512 })),
  prompt_cache_retention: strip(isWord('in_memory', 'in-memory', '24h')),
  prompt_cache_options: reader(isObject),
  service_tier: reader(isText()),
  stream_options: reader(isObject),
  previous_response_id: reader(isText()),
  conversation: reject(),
  prompt: reject(),
  background: reject(false),
  context_management: reject(),
  moderation: forward(isModeration),
  client_metadata: reader(isObject),
  // Other spellings, folded below (v1 spec 2).
  reasoning_effort: reader(isAnything),
  reasoningEffort: reader(isAnything),
  reasoning_summary: reader(isText()),
  reasoningSummary: reader(isText()),
  textVerbosity: reader(isText()),
  verbosity: reader(isText()),
  promptCacheKey: reader(isText({ maxLength: 512 })),
  promptCacheRetention: strip(isAnything),
  thinking: reader(isAnything),
  enable_thinking: reader(isBoolean),
};

const includable = new Set([
  encryptedReasoning,
  'web_search_call.action.sources',
  'web_search_call.results',
  'file_search_call.results',
  'code_interpreter_call.outputs',
  'computer_call_output.output.image_url',
  'message.input_image.image_url',
  'message.output_text.logprobs',
]);

/**
 * @param body - The request's bytes, from which strict tools are copied.
 * @throws {GatewayError} naming the field at fault.
 */
export function readResponses(body: Buffer, request: JsonRecord): PublicRequest {
  const { given, forwarded } = readFields(request, fields);
  if (given['previous_response_id'] !== undefined && textOf(given['previous_response_id']) !== '')
    throw new GatewayError('previous_response_not_found', { param: 'previous_response_id' });
  const { effort, rest: reasoning } = readReasoning(given);
  const text = readText(given);
  const include = readInclude(given['include']);
  checkCacheOptions(given['prompt_cache_options']);
  const tier = readTier(given['service_tier']);
  readStreamOptions(given['stream_options'], ['include_obfuscation']);
  const names = toolNamesIn(given['tools']);
  const items = readInput(given['input'], { names });
  const tools = readTools(body, { tools: given['tools'], surface: 'responses', names });
  const keepsLeading = recordOf(text['format'])['type'] === 'json_object';
  return {
    model: textOf(given['model']).trim(),
    effort,
    tier,
    wantsStream: given['stream'] === true,
    outputCap: (given['max_output_tokens'] as number | undefined) ?? null,
    ...liftInstructions(items, { instructions: textOf(given['instructions']), keepsLeading }),
    tools: tools.tools,
    toolTypes: tools.declared,
    toolChoice: readToolChoice(given['tool_choice'], { tools, surface: 'responses' }),
    parallelToolCalls: given['parallel_tool_calls'] as boolean | undefined,
    reasoning,
    text,
    include,
    promptCacheKey: (given['prompt_cache_key'] ?? given['promptCacheKey']) as string | undefined,
    forwarded: { ...forwarded, ...readClientMetadata(given['client_metadata']) },
    names,
    // Who keeps nothing with us must keep it itself (v1 spec D5).
    showsEncrypted: include.includes(encryptedReasoning) || given['store'] === false,
    echo: echoOf(given, text),
  };
}

function readInclude(include: unknown): string[] {
  if (include === undefined) return [];
  if (!Array.isArray(include)) throw badValue('include', 'must be a list');
  const wrong = listOf(include).some((each) => !includable.has(textOf(each)));
  if (wrong) throw badValue('include', `must hold only ${[...includable].join(', ')}`);
  return [...new Set(include as string[])];
}

/** What is meant for a gateway in front stays here; only texts go on. */
function readClientMetadata(metadata: unknown): JsonRecord {
  if (!isRecord(metadata)) return {};
  const kept = Object.entries(metadata).filter(
    ([name, value]) => typeof value === 'string' && !name.startsWith('x-codex-pooler-'),
  );
  return kept.length > 0 ? { client_metadata: Object.fromEntries(kept) } : {};
}

function echoOf(given: JsonRecord, text: JsonRecord): PublicRequest['echo'] {
  const echo = {
    instructions: given['instructions'],
    maxOutputTokens: given['max_output_tokens'],
    metadata: given['metadata'],
    parallelToolCalls: given['parallel_tool_calls'],
    promptCacheKey: given['prompt_cache_key'],
    reasoning: given['reasoning'],
    safetyIdentifier: given['safety_identifier'],
    temperature: given['temperature'],
    text,
    toolChoice: given['tool_choice'],
    tools: given['tools'],
    topP: given['top_p'],
  };
  return Object.fromEntries(Object.entries(echo).filter(([, value]) => value !== undefined)) as PublicRequest['echo'];
}
