/**
 * What is inside an item of a public answer: the parts of a message or of reasoning, and the input of a call, each told
 * as the whole series of events, once and in order, whatever of it the provider sent (v1 spec 4.5).
 */
import { textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { itemEvent, missingDelta, type DraftEvent, type Item } from './draft-item.ts';
import { endParts, passPart } from './item-parts.ts';

/** Where the text of a call lies, and the events that carry it. */
const inputOf = {
  function_call: { field: 'arguments', event: 'response.function_call_arguments' },
  custom_tool_call: { field: 'input', event: 'response.custom_tool_call_input' },
} as const;
type CallType = keyof typeof inputOf;

export function isCall(type: string): type is CallType {
  return Object.hasOwn(inputOf, type);
}

/** What the content still lacks by the item's newest snapshot, which is completed by what was sent. */
export function endContent(item: Item): DraftEvent[] {
  const { type } = item.identity;
  if (hasParts(type)) return endParts(item);
  if (!isCall(type)) return [];
  const { field } = inputOf[type];
  const events = endInput(item, textOf(item.snapshot[field]));
  item.snapshot[field] = item.sent;
  return events;
}

/** An item is announced empty, however much of it the provider knows already: its content follows as events. */
export function emptied({ type, content }: JsonRecord): JsonRecord {
  const name = textOf(type);
  if (name === 'message') return { content: [], status: 'in_progress' };
  if (name === 'reasoning') return { summary: [], ...(Array.isArray(content) ? { content: [] } : {}) };
  return isCall(name) ? { [inputOf[name].field]: '', status: 'in_progress' } : {};
}

/** An event of the item's content, completed by what was missing before it. */
export function passContent(item: Item, event: DraftEvent): DraftEvent[] {
  if (item.isDone) return [];
  const own = { ...event, output_index: item.index, item_id: item.identity.id };
  const { type } = item.identity;
  const passed = hasParts(type) ? passPart(item, own) : null;
  if (passed) return passed;
  if (isCall(type) && event.type.startsWith(inputOf[type].event)) return passInput(item, own);
  return [own];
}

function hasParts(type: string): boolean {
  return type === 'message' || type === 'reasoning';
}

function passInput(item: Item, event: DraftEvent): DraftEvent[] {
  const { field } = inputOf[item.identity.type as CallType];
  if (!event.type.endsWith('.done')) {
    item.sent += textOf(event['delta']);
    return item.isInputDone ? [] : [event];
  }
  return endInput(item, textOf(event[field]));
}

function endInput(item: Item, text: string): DraftEvent[] {
  if (item.isInputDone) return [];
  const { field, event } = inputOf[item.identity.type as CallType];
  const events = missingDelta(item.sent, text).map((delta) => {
    item.sent += delta;
    return itemEvent(`${event}.delta`, { item, fields: { delta } });
  });
  item.isInputDone = true;
  const name = field === 'arguments' ? { name: textOf(item.snapshot['name']) } : {};
  return [...events, itemEvent(`${event}.done`, { item, fields: { ...name, [field]: item.sent } })];
}
