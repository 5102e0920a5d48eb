/**
 * The output items of one public answer. Whatever the provider leaves out or sends late, each item is announced once,
 * keeps one index and one identity, and every text and every argument arrives as the whole series of events that client
 * libraries build their snapshots from (v1 spec 4.5). Pure: events go in, events come out.
 */
import { completeItem, completePart, idPrefixOf, partText, type ItemIdentity } from './complete-item.ts';
import { isRecord, listOf, recordOf, textOf, type JsonRecord } from './json-record.ts';

/** An event of a public stream, still without its number. */
export type DraftEvent = { readonly type: string } & JsonRecord;

interface Part {
  readonly kind: 'output_text' | 'refusal';
  sent: string;
  isTextDone: boolean;
  isDone: boolean;
}

interface Item {
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

export interface PublicItemsOptions {
  readonly makeId: (prefix: string) => string;
  readonly showsEncrypted: boolean;
}

export interface PublicItems {
  /** Passes an event of an item on, completed by what was missing before it. */
  push(event: DraftEvent): DraftEvent[];
  /** Brings every item of the finished answer to its end. @param output - The terminal event's own list, if any. */
  finish(output: readonly unknown[], status: string): FinishedItems;
}

interface FinishedItems {
  readonly events: DraftEvent[];
  readonly output: JsonRecord[];
  /** The items with all that another turn needs of them, shown or not. */
  readonly replay: () => JsonRecord[];
}

/** Where the text of a call lies, and the events that carry it. */
const inputOf = {
  function_call: { field: 'arguments', event: 'response.function_call_arguments' },
  custom_tool_call: { field: 'input', event: 'response.custom_tool_call_input' },
} as const;
type CallType = keyof typeof inputOf;

/** Which item an event belongs to when it was never announced. */
const typeOfEvent: readonly (readonly [prefix: string, type: string])[] = [
  ['response.output_text', 'message'],
  ['response.refusal', 'message'],
  ['response.content_part', 'message'],
  ['response.function_call_arguments', 'function_call'],
  ['response.custom_tool_call_input', 'custom_tool_call'],
  ['response.reasoning', 'reasoning'],
];

export function createPublicItems({ makeId, showsEncrypted }: PublicItemsOptions): PublicItems {
  const items = new Map<number, Item>();
  /** The provider's own names of an item: its id and its call id. */
  const aliases = new Map<string, Item>();
  let newest: Item | null = null;

  const shown = (item: Item, status: string) =>
    completeItem(item.snapshot, { identity: item.identity, status, showsEncrypted });

  function nextIndex(): number {
    return items.size === 0 ? 0 : Math.max(...items.keys()) + 1;
  }

  function announce(snapshot: JsonRecord, index: number): { item: Item; events: DraftEvent[] } {
    const type = textOf(snapshot['type']) || 'message';
    const ownId = textOf(snapshot['id']);
    const isCall = type in inputOf;
    const callId = isCall ? textOf(snapshot['call_id']) || makeId('call') : null;
    const identity = { id: ownId || makeId(idPrefixOf(type)), type, callId };
    const item: Item = { index, identity, snapshot, isDone: false, parts: new Map(), sent: '', isInputDone: false };
    items.set(index, item);
    for (const alias of [identity.id, callId]) if (alias) aliases.set(alias, item);
    newest = item;
    const opened = { ...shown(item, 'in_progress'), ...emptied(type) };
    return { item, events: [{ type: 'response.output_item.added', output_index: index, item: opened }] };
  }

  function find(event: JsonRecord): Item | null {
    const index = event['output_index'];
    if (typeof index === 'number' && items.has(index)) return items.get(index) ?? null;
    const byId = aliases.get(textOf(event['item_id']));
    if (byId) return byId;
    return typeof index === 'number' || textOf(event['item_id']) !== '' ? null : newest;
  }

  /** The item of an event, announced now when the provider never did. */
  function itemOf(event: DraftEvent, snapshot: JsonRecord): { item: Item; events: DraftEvent[] } {
    const known = find({ ...event, item_id: event['item_id'] ?? snapshot['id'] });
    if (known) return { item: known, events: [] };
    const index = typeof event['output_index'] === 'number' ? event['output_index'] : nextIndex();
    const id = textOf(event['item_id']);
    return announce(id ? { id, ...snapshot } : snapshot, index);
  }

  function push(event: DraftEvent): DraftEvent[] {
    if (event.type === 'response.output_item.added') {
      const snapshot = recordOf(event['item']);
      const isKnown = find({ output_index: event['output_index'], item_id: snapshot['id'] ?? snapshot['call_id'] });
      return isKnown && event['output_index'] !== undefined ? [] : itemOf(event, snapshot).events;
    }
    if (event.type === 'response.output_item.done') {
      const { item, events } = itemOf(event, recordOf(event['item']));
      return [...events, ...close(item, { snapshot: recordOf(event['item']), status: 'completed' })];
    }
    const type = typeOfEvent.find(([prefix]) => event.type.startsWith(prefix))?.[1];
    if (!type && find(event) === null) return [event];
    const { item, events } = itemOf(event, { type: type ?? 'message' });
    return [...events, ...pass(item, event)];
  }

  function pass(item: Item, event: DraftEvent): DraftEvent[] {
    if (item.isDone) return [];
    const own = { ...event, output_index: item.index, item_id: item.identity.id };
    const match = /^response\.(output_text|refusal)\.(delta|done)$/.exec(event.type);
    if (match) return passText(item, { event: own, kind: match[1] as Part['kind'], isDelta: match[2] === 'delta' });
    if (event.type.startsWith('response.content_part.')) return passPart(item, own);
    const input = inputOf[item.identity.type as CallType];
    if (input && event.type.startsWith(input.event)) return passInput(item, own);
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

  /** What the item still lacks, then its end. */
  function close(item: Item, { snapshot, status }: { snapshot: JsonRecord; status: string }): DraftEvent[] {
    if (item.isDone) return [];
    item.snapshot = { ...item.snapshot, ...withoutNull(snapshot) };
    const events: DraftEvent[] = [];
    if (item.identity.type in inputOf) {
      const { field } = inputOf[item.identity.type as CallType];
      events.push(...endInput(item, textOf(item.snapshot[field])));
      item.snapshot[field] = item.sent;
    }
    if (item.identity.type === 'message') events.push(...closeParts(item));
    item.isDone = true;
    const final = { ...shown(item, status) };
    return [...events, { type: 'response.output_item.done', output_index: item.index, item: final }];
  }

  function closeParts(item: Item): DraftEvent[] {
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

  function finish(output: readonly unknown[], status: string): FinishedItems {
    const events: DraftEvent[] = [];
    const finished: Item[] = [];
    for (const [index, given] of output.filter(isRecord).entries()) {
      const known = aliases.get(textOf(given['id'])) ?? aliases.get(textOf(given['call_id'])) ?? items.get(index);
      const isSame = known !== undefined && known.identity.type === given['type'];
      const opened = isSame ? { item: known, events: [] } : announce(given, nextIndex());
      events.push(...opened.events, ...close(opened.item, { snapshot: given, status }));
      finished.push(opened.item);
    }
    const inOrder = [...items.values()].toSorted((left, right) => left.index - right.index);
    for (const item of inOrder) events.push(...close(item, { snapshot: {}, status }));
    const kept = output.length > 0 ? finished : inOrder;
    return {
      events,
      output: kept.map((item) => shown(item, status)),
      replay: () =>
        kept.map(({ snapshot, identity }) => completeItem(snapshot, { identity, status, showsEncrypted: true })),
    };
  }

  return { push, finish };
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

/** An item is announced empty, however much of it the provider knows already: its content follows as events. */
function emptied(type: string): JsonRecord {
  if (type === 'message') return { content: [] };
  const input = inputOf[type as CallType];
  return input ? { [input.field]: '' } : {};
}

function contentOf(item: Item): JsonRecord[] {
  return [...item.parts]
    .toSorted(([left], [right]) => left - right)
    .map(([, { kind, sent }]) =>
      kind === 'refusal' ? { type: kind, refusal: sent } : completePart({ type: kind, text: sent }),
    );
}

function withoutNull(snapshot: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(snapshot).filter(([, value]) => value !== null && value !== undefined));
}
