/** What both forms of a chat completion share: its head, calls and citations as chat clients know them. Pure. */
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';

export interface ChatFrame {
  /** The model's name as the gateway lists it. */
  readonly model: string;
  /** Whether a last chunk shall tell the usage. */
  readonly includesUsage: boolean;
}

/** `chatcmpl-` and the provider's own id. */
export function chatIdOf(response: JsonRecord): string {
  return `chatcmpl-${textOf(response['id']).replace(/^resp_/, '')}`;
}

/** A whole call; its public id is the call's, never the item's. Without `index`, as a message holds it. */
export function toolCallOf(item: JsonRecord): JsonRecord {
  const id = item['call_id'];
  const name = textOf(item['name']);
  if (item['type'] === 'custom_tool_call')
    return { id, type: 'custom', custom: { name, input: textOf(item['input']) } };
  return { id, type: 'function', function: { name, arguments: textOf(item['arguments']) } };
}

export function isCall(item: JsonRecord): boolean {
  return item['type'] === 'function_call' || item['type'] === 'custom_tool_call';
}

/** Between two messages, or two parts of a reasoning summary, of one answer. */
export const paragraph = '\n\n';

/** Summaries, and reasoning text where the provider shows it, one paragraph each; empty for items of another kind. */
export function reasoningOf({ type, summary, content }: JsonRecord): string {
  if (type !== 'reasoning') return '';
  const texts = [...listOf(summary), ...listOf(content)].map((part) => textOf(recordOf(part)['text']));
  return texts.filter((text) => text !== '').join(paragraph);
}

/** Only web citations have a chat form. */
export function annotationsOf(part: JsonRecord): JsonRecord[] {
  return listOf(part['annotations'])
    .map(chatAnnotation)
    .filter((annotation) => annotation !== null);
}

export function chatAnnotation(annotation: unknown): JsonRecord | null {
  const { type, start_index, end_index, url, title } = recordOf(annotation);
  return type === 'url_citation' ? { type, url_citation: { start_index, end_index, url, title } } : null;
}
