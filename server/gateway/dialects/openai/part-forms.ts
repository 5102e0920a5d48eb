/** The kinds of parts that an item has, and how events name them. Pure. */
import { recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';

interface PartForm {
  /** The list of the item that it stands in, and what events call its place there. */
  readonly list: 'content' | 'summary';
  readonly index: 'content_index' | 'summary_index';
  /** How its events begin: those of the part, those of its text. */
  readonly part: string;
  readonly text: string;
  /** What holds its text. */
  readonly field: 'text' | 'refusal';
}

const inContent = { list: 'content', index: 'content_index', part: 'response.content_part', field: 'text' } as const;

export const partForms = {
  output_text: { ...inContent, text: 'response.output_text' },
  refusal: { ...inContent, text: 'response.refusal', field: 'refusal' },
  reasoning_text: { ...inContent, text: 'response.reasoning_text' },
  summary_text: {
    ...inContent,
    list: 'summary',
    index: 'summary_index',
    part: 'response.reasoning_summary_part',
    text: 'response.reasoning_summary_text',
  },
} as const satisfies Record<string, PartForm>;
export type PartKind = keyof typeof partForms;

const kinds = Object.keys(partForms) as PartKind[];

/** Which kind this event brings text of, and whether it is all of it; null for other events. */
export function textEventOf(type: string): { kind: PartKind; isDelta: boolean } | null {
  const kind = kinds.find(
    (each) => type === `${partForms[each].text}.delta` || type === `${partForms[each].text}.done`,
  );
  return kind === undefined ? null : { kind, isDelta: type.endsWith('.delta') };
}

/** Which kind this event begins or ends a part of; null for other events, and for parts that are no texts. */
export function partEventOf({ type, part }: JsonRecord): PartKind | null {
  const prefix = textOf(type).replace(/\.(?:added|done)$/, '');
  if (prefix === partForms.summary_text.part) return 'summary_text';
  return prefix === inContent.part ? kindOf(part) : null;
}

/** null for a part that is no text. */
export function kindOf(part: unknown): PartKind | null {
  const { type } = recordOf(part);
  return kinds.find((kind) => kind === type) ?? null;
}
