/** Chat messages as input items (v1 spec 3.2). Pure. */
import { isRecord, listOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from '../openai/bad-request.ts';
import { createGrowingItems, type EarlierItems } from '../openai/earlier-items.ts';
import { readContent, readPart } from '../openai/read-content.ts';
import { readOutput, readToolCall } from '../openai/read-input.ts';
import type { ToolNames } from '../openai/tool-names.ts';

/** @throws {GatewayError} naming the message at fault. */
export function readMessages(messages: unknown, { names }: { names: ToolNames }): JsonRecord[] {
  if (!Array.isArray(messages) || messages.length === 0) throw badValue('messages', 'must be a list of messages');
  const before = createGrowingItems();
  for (const [index, message] of (messages as unknown[]).entries()) {
    const at = `messages[${index}]`;
    if (!isRecord(message)) throw badValue(at, 'must be an object');
    before.add(readMessage(message, { at, names, before }));
  }
  const { items } = before;
  if (items.length === 0) throw badValue('messages', 'must hold something to answer');
  return items;
}

interface Place {
  readonly at: string;
  readonly names: ToolNames;
  readonly before: EarlierItems;
}

function readMessage(message: JsonRecord, place: Place): JsonRecord[] {
  const { at } = place;
  switch (message['role']) {
    case 'system':
    case 'developer':
      return itemsOf('developer', instructionsOf(message['content'], at));
    case 'user':
      return readParts(message['content'], { ...place, role: 'user' });
    case 'assistant':
      return readAssistant(message, place);
    case 'tool':
      return [readToolMessage(message, place)];
    case 'function':
      throw badValue(`${at}.role`, 'must not be function: answer tool calls with the role tool');
    default:
      throw badValue(`${at}.role`, 'must be system, developer, user, assistant or tool');
  }
}

/** Of other keys of a message the provider knows nothing; an answer must name its call here. */
function readToolMessage(message: JsonRecord, place: Place): JsonRecord {
  const callId = textOf(message['tool_call_id']) || textOf(message['toolCallId']) || textOf(message['call_id']);
  if (callId.trim() === '') throw badValue(`${place.at}.tool_call_id`, 'must name the call it answers');
  const output = message['content'] ?? '';
  return readOutput({ call_id: callId, output }, { ...place, type: 'function_call_output', outputAt: 'content' });
}

function instructionsOf(content: unknown, at: string): JsonRecord[] {
  const parts = readContent(content, { at: `${at}.content`, role: 'user' });
  if (parts.some(({ type }) => type !== 'input_text')) throw badValue(`${at}.content`, 'must be text');
  return parts;
}

function readAssistant(message: JsonRecord, place: Place): JsonRecord[] {
  if (message['function_call'] !== undefined && message['function_call'] !== null)
    throw badValue(`${place.at}.function_call`, 'is not supported: use tool_calls');
  const told = readParts(message['content'], { ...place, role: 'assistant' });
  const refusal = textOf(message['refusal']);
  const refused = refusal === '' ? [] : [itemOf('assistant', [{ type: 'refusal', refusal }])];
  const calls = listOf(message['tool_calls']).map((call, index) =>
    readToolCall(call, { at: `${place.at}.tool_calls[${index}]`, names: place.names }),
  );
  return [...merged(told, refused), ...calls];
}

/** A refusal beside a text is a part of the same message. */
function merged(told: readonly JsonRecord[], refused: readonly JsonRecord[]): JsonRecord[] {
  const last = told.at(-1);
  const [refusal] = refused;
  if (!last || !refusal || last['type'] !== 'message') return [...told, ...refused];
  return [...told.slice(0, -1), itemOf('assistant', [...partsOf(last), ...partsOf(refusal)])];
}

function partsOf(item: JsonRecord): JsonRecord[] {
  return listOf(item['content']) as JsonRecord[];
}

/** Some clients put calls and their results among the parts: they become items where they stand. */
function readParts(content: unknown, { at, names, before, role }: Place & { readonly role: string }): JsonRecord[] {
  if (!Array.isArray(content)) return itemsOf(role, readContent(content, { at: `${at}.content`, role }));
  const items: JsonRecord[] = [];
  let parts: JsonRecord[] = [];
  const close = () => {
    items.push(...itemsOf(role, parts));
    parts = [];
  };
  for (const [index, part] of (content as unknown[]).entries()) {
    const place = `${at}.content[${index}]`;
    if (isRecord(part) && part['type'] === 'tool-call') {
      close();
      const { toolCallId: id, toolName: name, input, args } = part;
      items.push(readToolCall({ id, function: { name, arguments: input ?? args } }, { at: place, names }));
    } else if (isRecord(part) && part['type'] === 'tool-result') {
      close();
      const seen = { last: items.at(-1) ?? before.last, isCustomCall: before.isCustomCall };
      items.push(readOutput(part, { at: place, names, before: seen, type: 'function_call_output' }));
    } else {
      parts.push(...readPart(part, { at: place, role }));
    }
  }
  close();
  return items;
}

function itemsOf(role: string, content: readonly JsonRecord[]): JsonRecord[] {
  return content.length === 0 ? [] : [itemOf(role, content)];
}

function itemOf(role: string, content: readonly JsonRecord[]): JsonRecord {
  return { type: 'message', role, content };
}
