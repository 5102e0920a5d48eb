/** One item of a public answer as it grows, and the events that tell of it. */
import type { JsonRecord } from '../../../lib/json-values.ts';
import type { ItemIdentity } from './complete-item.ts';
import type { PartKind } from './part-forms.ts';

/** An event of a public stream, still without its number. */
export type DraftEvent = { readonly type: string } & JsonRecord;

export interface Part {
  readonly kind: PartKind;
  /** Its place in its list. */
  readonly index: number;
  sent: string;
  /** Of a text of the answer, as far as they were announced. */
  readonly annotations: unknown[];
  isTextDone: boolean;
  isDone: boolean;
}

export interface Item {
  readonly index: number;
  readonly identity: ItemIdentity;
  /** The newest snapshot: what was announced, later what was completed. */
  snapshot: JsonRecord;
  isDone: boolean;
  /** By their list and their place in it. */
  readonly parts: Map<string, Part>;
  /** Arguments of a call, or the input of a custom one, as far as they were sent. */
  sent: string;
  isInputDone: boolean;
}

export function itemEvent(type: string, { item, fields }: { item: Item; fields: JsonRecord }): DraftEvent {
  return { type, item_id: item.identity.id, output_index: item.index, ...fields };
}

/** What of the whole was not sent yet; nothing when what was sent is not its beginning. */
export function missingDelta(sent: string, whole: string): string[] {
  return whole.length > sent.length && whole.startsWith(sent) ? [whole.slice(sent.length)] : [];
}
