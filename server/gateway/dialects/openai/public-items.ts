/**
 * The output items of one public answer. Whatever the provider leaves out or sends late, each item is announced once,
 * keeps one index and one identity, and every text and every argument arrives as the whole series of events that client
 * libraries build their snapshots from (v1 spec 4.5). Pure: events go in, events come out.
 */
import { isRecord, recordOf, textOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';
import { completeItem, idPrefixOf } from './complete-item.ts';
import type { DraftEvent, Item } from './draft-item.ts';
import { emptied, endContent, isCall, passContent } from './item-content.ts';
import { kindOf } from './part-forms.ts';

export interface PublicItemsOptions {
  readonly makeId: (prefix: string) => string;
  readonly showsEncrypted: boolean;
  /** The client's own name of a tool whose name was too long for the provider. */
  readonly toolNameOf: (name: string) => string;
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

/** Which item an event belongs to when it was never announced. */
const typeOfEvent: readonly (readonly [prefix: string, type: string])[] = [
  ['response.output_text', 'message'],
  ['response.refusal', 'message'],
  ['response.content_part', 'message'],
  ['response.function_call_arguments', 'function_call'],
  ['response.custom_tool_call_input', 'custom_tool_call'],
  ['response.reasoning', 'reasoning'],
];

export function createPublicItems({ makeId, showsEncrypted, toolNameOf }: PublicItemsOptions): PublicItems {
  const items = new Map<number, Item>();
  /** The provider's own names of an item: its id and its call id. */
  const aliases = new Map<string, Item>();
  let newest: Item | null = null;

  const shown = (item: Item, status: string) =>
    completeItem(item.snapshot, { identity: item.identity, status, showsEncrypted });

  /** The item as the client knows its tools. */
  function named(snapshot: JsonRecord): JsonRecord {
    const { name } = snapshot;
    return typeof name === 'string' ? { ...snapshot, name: toolNameOf(name) } : snapshot;
  }

  function nextIndex(): number {
    return items.size === 0 ? 0 : Math.max(...items.keys()) + 1;
  }

  function announce(given: JsonRecord, index: number): { item: Item; events: DraftEvent[] } {
    const snapshot = named(given);
    const type = textOf(snapshot['type']) || 'message';
    const ownId = textOf(snapshot['id']);
    const callId = isCall(type) ? textOf(snapshot['call_id']) || makeId('call') : null;
    const identity = { id: ownId || makeId(idPrefixOf(type)), type, callId };
    const item: Item = { index, identity, snapshot, isDone: false, parts: new Map(), sent: '', isInputDone: false };
    items.set(index, item);
    for (const alias of [identity.id, callId]) if (alias) aliases.set(alias, item);
    newest = item;
    const opened = { ...shown(item, 'in_progress'), ...emptied({ ...snapshot, type }) };
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
    const isThought = kindOf(event['part']) === 'reasoning_text';
    const type = isThought ? 'reasoning' : typeOfEvent.find(([prefix]) => event.type.startsWith(prefix))?.[1];
    if (!type && find(event) === null) return [event];
    const { item, events } = itemOf(event, { type: type ?? 'message' });
    return [...events, ...passContent(item, event)];
  }

  /** What the item still lacks, then its end. */
  function close(item: Item, { snapshot, status }: { snapshot: JsonRecord; status: string }): DraftEvent[] {
    if (item.isDone) return [];
    item.snapshot = { ...item.snapshot, ...withoutNull(named(snapshot)) };
    // It was announced so; nothing that ended may still say it.
    if (item.snapshot['status'] === 'in_progress') item.snapshot['status'] = status;
    const events = endContent(item);
    item.isDone = true;
    const final = { ...shown(item, status) };
    return [...events, { type: 'response.output_item.done', output_index: item.index, item: final }];
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
