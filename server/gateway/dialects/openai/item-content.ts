/**
 * What is inside an item of a public answer: the parts of a message and the input of a call, each told as the whole
 * series of events, once and in order, whatever of it the provider sent (v1 spec 4.5).
 */
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { completePart, partText, type ItemIdentity } from './complete-item.ts';

/** An event of a public stream, still without its number. */
export type DraftEvent = { readonly type: string } & JsonRecord;

interface Part {
  readonly kind: 'output_text' | 'refusal';
  sent: string;
  isTextDone: boolean;
  isDone: boolean;
}

export interface Item {
  readonly index: number;
  readonly identity: ItemIdentity;
  /** The newest snapshot: what was announced, later what was completed. */
  snapshot: JsonRecord;
  isDone: boolean;
  readonly parts: Map<number, Part>;
  /** Arguments of a call, or the input of a custom one, as far as they were sent. */
  sent: string;
  isInputDone: boolean;
}

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
  if (type === 'message') return endParts(item);
  if (!isCall(type)) return [];
  const { field } = inputOf[type];
  const events = endInput(item, textOf(item.snapshot[field]));
  item.snapshot[field] = item.sent;
  return events;
}

/** An item is announced empty, however much of it the provider knows already: its content follows as events. */
export function emptied(type: string): JsonRecord {
  if (type === 'message') return { content: [], status: 'in_progress' };
  return isCall(type) ? { [inputOf[type].field]: '', status: 'in_progress' } : {};
}

/** An event of the item's content, completed by what was missing before it. */
export function passContent(item: Item, event: DraftEvent): DraftEvent[] {
  if (item.isDone) return [];
  const own = { ...event, output_index: item.index, item_id: item.identity.id };
  const match = /^response\.(output_text|refusal)\.(delta|done)$/.exec(event.type);
  if (match) return passText(item, { event: own, kind: match[1] as Part['kind'], isDelta: match[2] === 'delta' });
  if (event.type.startsWith('response.content_part.')) return passPart(item, own);
  const { type } = item.identity;
  if (isCall(type) && event.type.startsWith(inputOf[type].event)) return passInput(item, own);
  return [own];
}

function passText(
  item: Item,
  { event, kind, isDelta }: { event: DraftEvent; kind: Part['kind']; isDelta: boolean },
): DraftEvent[] {
  const index = indexOf(event);
  const { part, events } = openPart(item, { index, kind });
  if (isDelta) {
    part.sent += textOf(event['delta']);
    return [...events, { ...event, content_index: index }];
  }
  return [...events, ...endText(item, { index, part, text: partText({ ...event, ...textField(event, kind) }) })];
}

function passPart(item: Item, event: DraftEvent): DraftEvent[] {
  const index = indexOf(event);
  const snapshot = recordOf(event['part']);
  const kind = snapshot['type'] === 'refusal' ? 'refusal' : 'output_text';
  const isText = snapshot['type'] === 'refusal' || snapshot['type'] === 'output_text';
  if (!isText) return [event];
  const { part, events } = openPart(item, { index, kind });
  if (event.type.endsWith('.added')) return events;
  return [...events, ...endPart(item, { index, part, snapshot })];
}

function openPart(item: Item, { index, kind }: { index: number; kind: Part['kind'] }) {
  const known = item.parts.get(index);
  if (known) return { part: known, events: [] };
  const part: Part = { kind, sent: '', isTextDone: false, isDone: false };
  item.parts.set(index, part);
  const empty = kind === 'refusal' ? { type: kind, refusal: '' } : completePart({ type: kind, text: '' });
  return { part, events: [itemEvent('response.content_part.added', item, { content_index: index, part: empty })] };
}

function endText(item: Item, { index, part, text }: { index: number; part: Part; text: string }): DraftEvent[] {
  if (part.isTextDone) return [];
  const events = missingDelta(part.sent, text).map((delta) => {
    part.sent += delta;
    return itemEvent(`response.${part.kind}.delta`, item, { content_index: index, delta, ...logprobs(part) });
  });
  part.isTextDone = true;
  const whole = part.kind === 'refusal' ? { refusal: part.sent } : { text: part.sent, logprobs: [] };
  return [...events, itemEvent(`response.${part.kind}.done`, item, { content_index: index, ...whole })];
}

function endPart(
  item: Item,
  { index, part, snapshot }: { index: number; part: Part; snapshot: JsonRecord },
): DraftEvent[] {
  if (part.isDone) return [];
  const events = endText(item, { index, part, text: partText(snapshot) });
  part.isDone = true;
  const whole = part.kind === 'refusal' ? { refusal: part.sent } : { text: part.sent };
  const final = completePart({ ...snapshot, type: part.kind, ...whole });
  return [...events, itemEvent('response.content_part.done', item, { content_index: index, part: final })];
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
    return itemEvent(`${event}.delta`, item, { delta });
  });
  item.isInputDone = true;
  const name = field === 'arguments' ? { name: textOf(item.snapshot['name']) } : {};
  return [...events, itemEvent(`${event}.done`, item, { ...name, [field]: item.sent })];
}

function endParts(item: Item): DraftEvent[] {
  const events: DraftEvent[] = [];
  const given = listOf(item.snapshot['content']);
  for (const [index, snapshot] of given.entries()) {
    const kind = recordOf(snapshot)['type'];
    if (kind !== 'output_text' && kind !== 'refusal') continue;
    const opened = openPart(item, { index, kind });
    events.push(...opened.events, ...endPart(item, { index, part: opened.part, snapshot: recordOf(snapshot) }));
  }
  for (const [index, part] of item.parts) events.push(...endPart(item, { index, part, snapshot: {} }));
  if (given.length === 0) item.snapshot['content'] = contentOf(item);
  return events;
}

function itemEvent(type: string, item: Item, fields: JsonRecord): DraftEvent {
  return { type, item_id: item.identity.id, output_index: item.index, ...fields };
}

function indexOf(event: JsonRecord): number {
  const index = event['content_index'];
  return typeof index === 'number' ? index : 0;
}

/** What of the whole was not sent yet; nothing when what was sent is not its beginning. */
function missingDelta(sent: string, whole: string): string[] {
  return whole.length > sent.length && whole.startsWith(sent) ? [whole.slice(sent.length)] : [];
}

function logprobs(part: Part): JsonRecord {
  return part.kind === 'output_text' ? { logprobs: [] } : {};
}

function textField(event: JsonRecord, kind: Part['kind']): JsonRecord {
  return kind === 'refusal' ? { text: '', refusal: event['refusal'] } : { text: event['text'], refusal: '' };
}

function contentOf(item: Item): JsonRecord[] {
  return [...item.parts]
    .toSorted(([left], [right]) => left - right)
    .map(([, { kind, sent }]) =>
      kind === 'refusal' ? { type: kind, refusal: sent } : completePart({ type: kind, text: sent }),
    );
}
