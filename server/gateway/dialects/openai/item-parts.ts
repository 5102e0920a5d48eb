/**
 * The parts of a message, and those of reasoning: each is announced, told piece by piece and ended, once and in this
 * order, whatever of that the provider sent. Client libraries put their pieces into what was announced (v1 spec 4.5).
 */
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { completePart, partText } from './complete-item.ts';
import { itemEvent, missingDelta, type DraftEvent, type Item, type Part } from './draft-item.ts';
import { kindOf, partEventOf, partForms, textEventOf, type PartKind } from './part-forms.ts';

/** @returns null for an event that is none of a part. */
export function passPart(item: Item, event: DraftEvent): DraftEvent[] | null {
  const text = textEventOf(event.type);
  if (text) {
    const { part, events } = openPart(item, { kind: text.kind, index: placeOf(event, text.kind) });
    if (!text.isDelta) return [...events, ...endText(item, { part, event, text: partText(event) })];
    part.sent += textOf(event['delta']);
    return [...events, { ...event, [partForms[part.kind].index]: part.index }];
  }
  if (event.type === 'response.output_text.annotation.added') {
    const { part, events } = openPart(item, { kind: 'output_text', index: placeOf(event, 'output_text') });
    part.annotations.push(event['annotation']);
    return [...events, { ...event, content_index: part.index }];
  }
  const kind = partEventOf(event);
  if (kind === null) return null;
  const { part, events } = openPart(item, { kind, index: placeOf(event, kind) });
  if (event.type.endsWith('.added')) return events;
  return [...events, ...endPart(item, { part, event, snapshot: recordOf(event['part']) })];
}

/** What the parts still lack by the item's newest snapshot, which is completed by what was sent. */
export function endParts(item: Item): DraftEvent[] {
  return (['summary', 'content'] as const).flatMap((list) => endList(item, list));
}

function endList(item: Item, list: 'summary' | 'content'): DraftEvent[] {
  const events: DraftEvent[] = [];
  const given = listOf(item.snapshot[list]);
  for (const [index, snapshot] of given.entries()) {
    const kind = kindOf(snapshot);
    if (kind === null || partForms[kind].list !== list) continue;
    const opened = openPart(item, { index, kind });
    events.push(...opened.events, ...endPart(item, { part: opened.part, snapshot: recordOf(snapshot) }));
  }
  const parts = [...item.parts.values()]
    .filter(({ kind }) => partForms[kind].list === list)
    .toSorted((left, right) => left.index - right.index);
  for (const part of parts) events.push(...endPart(item, { part, snapshot: {} }));
  if (given.length === 0 && parts.length > 0) item.snapshot[list] = parts.map((part) => wholePart(part, {}));
  return events;
}

function openPart(item: Item, { index, kind }: { index: number; kind: PartKind }) {
  const form = partForms[kind];
  const place = `${form.list}/${index}`;
  const known = item.parts.get(place);
  if (known) return { part: known, events: [] };
  const part: Part = { kind, index, sent: '', annotations: [], isTextDone: false, isDone: false };
  item.parts.set(place, part);
  const fields = { [form.index]: index, part: wholePart(part, {}) };
  return { part, events: [itemEvent(`${form.part}.added`, { item, fields })] };
}

/** @param options.event - The provider's own, where it sent one: what else it says stays. */
function endText(
  item: Item,
  { part, text, event = {} }: { part: Part; text: string; event?: JsonRecord },
): DraftEvent[] {
  if (part.isTextDone) return [];
  const { index, text: name, field } = partForms[part.kind];
  const place = { [index]: part.index };
  const isText = part.kind === 'output_text';
  const events = missingDelta(part.sent, text).map((delta) => {
    part.sent += delta;
    return itemEvent(`${name}.delta`, { item, fields: { ...place, delta, ...(isText ? { logprobs: [] } : {}) } });
  });
  part.isTextDone = true;
  const fields = { ...place, [field]: part.sent, ...(isText ? { logprobs: listOf(event['logprobs']) } : {}) };
  return [...events, { ...event, ...itemEvent(`${name}.done`, { item, fields }) }];
}

function endPart(
  item: Item,
  { part, snapshot, event = {} }: { part: Part; snapshot: JsonRecord; event?: JsonRecord },
): DraftEvent[] {
  if (part.isDone) return [];
  const events = endText(item, { part, text: partText(snapshot) });
  part.isDone = true;
  const { index, part: name } = partForms[part.kind];
  const fields = { [index]: part.index, part: wholePart(part, snapshot) };
  return [...events, { ...event, ...itemEvent(`${name}.done`, { item, fields }) }];
}

/** A part as far as it was told; what else its snapshot says stays. */
function wholePart({ kind, sent, annotations }: Part, snapshot: JsonRecord): JsonRecord {
  const whole = { ...snapshot, type: kind, [partForms[kind].field]: sent };
  if (kind !== 'output_text') return whole;
  const told = listOf(snapshot['annotations']);
  return completePart({ ...whole, annotations: told.length > 0 ? told : [...annotations] });
}

function placeOf(event: JsonRecord, kind: PartKind): number {
  const { [partForms[kind].index]: place } = event;
  return typeof place === 'number' ? place : 0;
}
