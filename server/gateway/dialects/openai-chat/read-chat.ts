/** Reads a request of `/v1/chat/completions` (v1 spec 3.1). What is supported stands in one table. Pure. */
import { isRecord, recordOf, textOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from '../openai/bad-request.ts';
import { isAnything, isBoolean, isInteger, isNumber, isObject, isText, isTextMap, isWord } from '../openai/checks.ts';
import { forward, reader, readFields, refuse, reject, strip, type FieldTable } from '../openai/fields.ts';
import { liftInstructions, type PublicRequest } from '../openai/public-request.ts';
import { readInput } from '../openai/read-input.ts';
import { checkCacheOptions, isModeration, readStreamOptions } from '../openai/read-options.ts';
import { readReasoning } from '../openai/read-reasoning.ts';
import { readText } from '../openai/read-text-format.ts';
import { readTier } from '../openai/read-tier.ts';
import { readToolChoice } from '../openai/read-tool-choice.ts';
import { readTools, toolNamesIn, type ToolSet } from '../openai/read-tools.ts';
import { readMessages } from './read-messages.ts';

export interface ChatRequest extends PublicRequest {
  /** Whether a stream shall end with a chunk that tells the usage. */
  readonly includesUsage: boolean;
}

const streamOptions = ['include_usage', 'include_obfuscation'];

/** THE table of fields, in the order in which they are checked. */
const fields: FieldTable = {
  // Would change the answer in a way that cannot be had.
  logprobs: reject(false),
  top_logprobs: reject(0),
  n: reject(1),
  stop: reject('', []),
  logit_bias: reject({}),
  modalities: reject(['text']),
  audio: reject(),
  functions: refuse({ neutral: [], hint: 'Use tools.' }),
  function_call: refuse({ neutral: ['none'], hint: 'Use tool_choice.' }),
  model: reader(isText()),
  messages: reader(isAnything),
  input: reader(isAnything),
  instructions: reader(isText()),
  stream: reader(isBoolean),
  stream_options: reader(isObject),
  store: strip(isBoolean),
  tools: reader(isAnything),
  tool_choice: reader(isAnything),
  parallel_tool_calls: reader(isBoolean),
  response_format: reader(isAnything),
  text: reader(isObject),
  reasoning: reader(isObject),
  reasoning_effort: reader(isAnything),
  reasoningEffort: reader(isAnything),
  thinking: reader(isAnything),
  enable_thinking: reader(isBoolean),
  reasoning_summary: reader(isText()),
  reasoningSummary: reader(isText()),
  verbosity: reader(isWord('low', 'medium', 'high')),
  textVerbosity: reader(isText()),
  max_completion_tokens: strip(isInteger({ min: 1 })),
  max_tokens: strip(isInteger({ min: 1 })),
  temperature: strip(isNumber({ min: 0, max: 2 })),
  top_p: strip(isNumber({ min: 0, max: 1 })),
  presence_penalty: strip(isNumber({ min: -2, max: 2 })),
  frequency_penalty: strip(isNumber({ min: -2, max: 2 })),
  seed: strip(isInteger({ min: Number.MIN_SAFE_INTEGER })),
  prediction: strip(isAnything),
  metadata: strip(isTextMap({ maxEntries: 16, maxKey: 64, maxValue: 512 })),
  user: strip(isText()),
  safety_identifier: strip(isText({ maxLength: 64 })),
  prompt_cache_key: reader(isText({ maxLength: 512 })),
  promptCacheKey: reader(isText({ maxLength: 512 })),
  prompt_cache_retention: strip(isWord('in_memory', 'in-memory', '24h')),
  promptCacheRetention: strip(isAnything),
  prompt_cache_options: reader(isObject),
  service_tier: reader(isText()),
  web_search_options: reader(isObject),
  moderation: forward(isModeration),
};

/** What a Responses-shaped conversation on the chat address may bring along. */
const fieldsBesideInput: FieldTable = {
  top_logprobs: reject(0),
  conversation: reject(),
  prompt: reject(),
  background: reject(false),
  max_output_tokens: strip(isInteger({ min: 1 })),
  truncation: strip(isWord('auto', 'disabled')),
  include: strip(isAnything),
};

/**
 * @param body - The request's bytes, from which strict schemas are copied.
 * @throws {GatewayError} naming the field at fault.
 */
export function readChat(body: Buffer, request: JsonRecord): ChatRequest {
  const { given, forwarded } = readFields(
    request,
    isInputShaped(request) ? { ...fields, ...fieldsBesideInput } : fields,
  );
  const includesUsage = readStreamOptions(given['stream_options'], streamOptions).has('include_usage');
  const text = readText(given);
  const { effort, rest: reasoning } = readReasoning(given);
  checkCacheOptions(given['prompt_cache_options']);
  const tier = readTier(given['service_tier']);
  if (tier === 'ultrafast') throw badValue('service_tier', 'must not be ultrafast on this surface');
  const names = toolNamesIn(given['tools']);
  const items = readConversation(given, names);
  const declared = readTools(body, { tools: given['tools'], surface: 'chat', names });
  const tools = withSearch(declared, given['web_search_options']);
  const cap = given['max_completion_tokens'] ?? given['max_tokens'] ?? given['max_output_tokens'];
  const keepsLeading = recordOf(text['format'])['type'] === 'json_object';
  return {
    model: textOf(given['model']).trim(),
    effort,
    tier,
    wantsStream: given['stream'] === true,
    includesUsage,
    outputCap: typeof cap === 'number' ? cap : null,
    ...liftInstructions(items, { instructions: textOf(given['instructions']), keepsLeading }),
    tools: tools.tools,
    toolTypes: tools.declared,
    toolChoice: readToolChoice(given['tool_choice'], { tools, surface: 'chat' }),
    parallelToolCalls: given['parallel_tool_calls'] as boolean | undefined,
    // A summary is asked for only by those who read it: to ask for none costs nothing.
    reasoning,
    text,
    include: [],
    promptCacheKey: (given['prompt_cache_key'] ?? given['promptCacheKey']) as string | undefined,
    forwarded,
    names,
    showsEncrypted: false,
    echo: {},
  };
}

/** Some tools send a Responses-shaped input to the chat address (v1 spec 3.1). */
function readConversation(given: JsonRecord, names: ChatRequest['names']): JsonRecord[] {
  const { messages, input } = given;
  return isInputShaped(given) ? readInput(input, { names }) : readMessages(messages, { names });
}

function isInputShaped({ messages, input }: JsonRecord): boolean {
  const isEmpty = messages === undefined || messages === null || (Array.isArray(messages) && messages.length === 0);
  return isEmpty && input !== undefined && input !== null;
}

/** Options of a search ask for the tool, once. */
function withSearch(tools: ToolSet, options: unknown): ToolSet {
  if (!isRecord(options) || tools.declared.has('web_search')) return tools;
  const { search_context_size, user_location: place } = options;
  // Chat nests what the tool takes flat.
  const approximate = isRecord(place) ? place['approximate'] : null;
  const user_location = isRecord(approximate) ? { type: 'approximate', ...withoutNull(approximate) } : place;
  const search = { type: 'web_search', ...withoutNull({ search_context_size, user_location }) };
  const and = (keys: ReadonlySet<string>) => new Set([...keys, 'web_search']);
  return { ...tools, tools: [...(tools.tools ?? []), search], declared: and(tools.declared), atTop: and(tools.atTop) };
}
