/** Input items of the Responses surface as the provider takes them (v1 spec 2.2). Pure. */
import { isRecord, listOf, textOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from './bad-request.ts';
import { createGrowingItems, type EarlierItems } from './earlier-items.ts';
import { readContent } from './read-content.ts';
import type { ToolNames } from './tool-names.ts';

/** Items of earlier answers, and those that Codex puts between them: history that goes on as it came. */
const replayed = new Set([
  'shell_call',
  'shell_call_output',
  'local_shell_call',
  'local_shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
  'web_search_call',
  'program',
  'program_output',
  'tool_search_call',
  'tool_search_call_output',
  'tool_search_output',
  'image_generation_call',
  'agent_message',
  'configuration_update',
]);
/** Items of tools that nobody runs here: the whole input is at fault, not the place (v1 spec 2.2). */
const withoutBackend = /^(?:mcp_\w+|computer_call\w*|file_search_call|code_interpreter_call)$/;

interface Place {
  readonly at: string;
  readonly names: ToolNames;
  /** The items before this one. */
  readonly before: EarlierItems;
}

/** @throws {GatewayError} naming the item at fault. */
export function readInput(input: unknown, { names }: { names: ToolNames }): JsonRecord[] {
  if (typeof input === 'string') return [message('user', readContent(input, { at: 'input', role: 'user' }))];
  if (!Array.isArray(input) || input.length === 0) throw badValue('input', 'must be a string or a list of items');
  const before = createGrowingItems();
  for (const [index, item] of (input as unknown[]).entries())
    before.add(readItem(item, { at: `input[${index}]`, names, before }));
  const { items } = before;
  if (items.length === 0) throw badValue('input', 'must hold something to answer');
  const trigger = items.findIndex(({ type }) => type === 'compaction_trigger');
  if (trigger !== -1 && (trigger !== items.length - 1 || items.length === 1))
    throw badValue('input', 'must have its compaction trigger last, after what is to be compacted');
  return items;
}

function readItem(item: unknown, place: Place): JsonRecord[] {
  if (typeof item === 'string') return [message('user', readContent(item, { at: place.at, role: 'user' }))];
  if (!isRecord(item)) throw badValue(place.at, 'must be an object');
  const type = item['type'] ?? (item['role'] === undefined ? undefined : 'message');
  switch (type) {
    case 'message':
      return readMessage(item, place);
    case 'function_call':
      return [readCall(item, place)];
    case 'custom_tool_call':
      return [readCustomCall(item, place)];
    case 'function_call_output':
    case 'custom_tool_call_output':
      return [readOutput(item, { ...place, type: textOf(type) })];
    case 'reasoning':
      return readReasoningItem(item);
    case 'compaction':
    case 'compaction_summary':
      if (textOf(item['encrypted_content']).trim() === '')
        throw badValue(`${place.at}.encrypted_content`, 'must be what an earlier answer gave');
      return [withOwnId(item)];
    case 'compaction_trigger':
      if (Object.keys(item).length > 1)
        throw badValue('input', 'must have a compaction trigger of nothing but its type');
      return [item];
    case 'additional_tools':
      return [readAdditionalTools(item, place)];
    case 'item_reference':
      throw badValue(place.at, 'must not refer to a stored item: none is kept, send the whole conversation');
    default:
      if (replayed.has(textOf(type))) return [withOwnId(item)];
      if (withoutBackend.test(textOf(type))) throw badValue('input', 'holds calls of tools that this gateway has not');
      throw badValue(`${place.at}.type`, 'must be an item this gateway supports');
  }
}

function readMessage(item: JsonRecord, place: Place): JsonRecord[] {
  const role = textOf(item['role']);
  if (role === 'tool')
    return [readOutput({ ...item, output: item['content'] }, { ...place, type: 'function_call_output' })];
  if (!['user', 'assistant', 'system', 'developer'].includes(role))
    throw badValue(`${place.at}.role`, 'must be user, assistant, system, developer or tool');
  const content = readContent(item['content'], { at: `${place.at}.content`, role });
  const isOfOperator = role === 'system' || role === 'developer';
  if (isOfOperator && content.some(({ type }) => type !== 'input_text'))
    throw badValue(`${place.at}.content`, 'must be text');
  const calls = listOf(item['tool_calls']).map((call, index) =>
    readToolCall(call, { at: `${place.at}.tool_calls[${index}]`, names: place.names }),
  );
  const told = { ...message(role, content), ...historyOf(item, role), ...idOf(item) };
  return content.length === 0 ? calls : [told, ...calls];
}

/** The provider knows no `system` in its input; the leading ones become instructions before (v1 spec 3.2). */
function message(role: string, content: readonly JsonRecord[]): JsonRecord {
  return { type: 'message', role: role === 'system' ? 'developer' : role, content };
}

function historyOf(item: JsonRecord, role: string): JsonRecord {
  if (role !== 'assistant') return {};
  const { phase } = item;
  return phase === 'commentary' || phase === 'final_answer' ? { phase } : {};
}

function readCall(item: JsonRecord, { at, names }: Place): JsonRecord {
  const callId = textOf(item['call_id']) || textOf(item['id']);
  const name = textOf(item['name']);
  if (callId.trim() === '' || name.trim() === '') throw badValue(at, 'must name its call_id and name');
  const { namespace, caller, encrypted_function_args } = item;
  return {
    type: 'function_call',
    ...idOf(item),
    call_id: callId,
    name: names.shorten(name),
    arguments: argumentsOf(item['arguments']),
    ...withoutNull({ namespace, caller, encrypted_function_args }),
  };
}

function readCustomCall(item: JsonRecord, { at, names }: Place): JsonRecord {
  const { call_id: callId, name, input } = item;
  if (textOf(callId).trim() === '' || textOf(name).trim() === '') throw badValue(at, 'must name its call_id and name');
  const { namespace } = item;
  return {
    type: 'custom_tool_call',
    ...idOf(item),
    call_id: callId,
    name: names.shorten(textOf(name)),
    input: textOf(input),
    ...withoutNull({ namespace }),
  };
}

/** A call as chat and its relatives spell it inside an assistant's message. */
export function readToolCall(call: unknown, { at, names }: { at: string; names: ToolNames }): JsonRecord {
  const given = isRecord(call) ? call : {};
  const callId = textOf(given['id']) || textOf(given['call_id']);
  const isCustom = given['type'] === 'custom';
  const nested = given[isCustom ? 'custom' : 'function'];
  const inner = isRecord(nested) ? nested : given;
  const name = textOf(inner['name']);
  if (callId.trim() === '' || name.trim() === '') throw badValue(at, 'must name its id and its tool');
  if (isCustom)
    return { type: 'custom_tool_call', call_id: callId, name: names.shorten(name), input: textOf(inner['input']) };
  const shortened = names.shorten(name);
  return { type: 'function_call', call_id: callId, name: shortened, arguments: argumentsOf(inner['arguments']) };
}

function argumentsOf(given: unknown): string {
  return typeof given === 'string' ? given : given === undefined || given === null ? '' : JSON.stringify(given);
}

/** @param place.outputAt - What the surface calls the field with the output. */
export function readOutput(
  item: JsonRecord,
  { at, before, type, outputAt = 'output' }: Place & { readonly type: string; readonly outputAt?: string },
): JsonRecord {
  const given = textOf(item['call_id']) || textOf(item['tool_call_id']) || textOf(item['toolCallId']);
  const callId = given.trim() === '' ? callBefore(before) : given;
  if (callId === null) throw badValue(`${at}.call_id`, 'must name the call it answers');
  const isCustom = type === 'custom_tool_call_output' || before.isCustomCall(callId);
  const output = item['output'] ?? item['result'] ?? '';
  return {
    type: isCustom ? 'custom_tool_call_output' : 'function_call_output',
    ...idOf(item),
    call_id: callId,
    output: outputOf(output, `${at}.${outputAt}`),
  };
}

/** Some clients replay an output without its id right after its call. */
function callBefore({ last }: EarlierItems): string | null {
  return last?.['type'] === 'function_call' ? textOf(last['call_id']) : null;
}

/** A list of anything else is what a tool gave: JSON like any other. */
const partTypes = new Set<unknown>([
  'text',
  'input_text',
  'output_text',
  'image_url',
  'input_image',
  'file',
  'input_file',
  'input_audio',
  'input_video',
]);

function outputOf(output: unknown, at: string): unknown {
  if (typeof output === 'string') return output;
  const isParts = Array.isArray(output) && output.every((part) => isRecord(part) && partTypes.has(part['type']));
  if (!isParts) return JSON.stringify(output);
  const parts = readContent(output, { at, role: 'user' });
  const [only] = parts;
  return parts.length === 1 && only?.['type'] === 'input_text' ? only['text'] : parts;
}

/** Without its encrypted content the provider can use nothing of it. */
function readReasoningItem(item: JsonRecord): JsonRecord[] {
  if (textOf(item['encrypted_content']).trim() === '') return [];
  const { encrypted_content, content } = item;
  return [
    {
      type: 'reasoning',
      ...idOf(item),
      summary: listOf(item['summary']),
      ...withoutNull({ content }),
      encrypted_content,
    },
  ];
}

function readAdditionalTools(item: JsonRecord, { at }: Place): JsonRecord {
  if (listOf(item['tools']).some((tool) => isRecord(tool) && tool['type'] === 'mcp'))
    throw badValue(`${at}.tools`, 'must not hold remote MCP servers: this gateway does not call them');
  return item;
}

/** Ids the provider would refuse are left out: it wants its own kind, `prefix_rest`. */
function idOf(item: JsonRecord): JsonRecord {
  const id = textOf(item['id']);
  return /^[^_\s]+_[^\s]+$/.test(id) ? { id } : {};
}

function withOwnId(item: JsonRecord): JsonRecord {
  const { id: _id, ...rest } = item;
  return { ...rest, ...idOf(item) };
}
