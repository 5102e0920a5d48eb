/** Output items as strict clients require them: fields the provider leaves out or sends as null are filled. Pure. */
import { isRecord, listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { rowOf } from '../../../lib/row-of.ts';

/** Ids the provider leaves out are made with the prefix its own would have. */
const idPrefixes: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  custom_tool_call: 'ctc',
  web_search_call: 'ws',
  image_generation_call: 'ig',
  compaction: 'cmp',
};

export function idPrefixOf(type: string): string {
  return rowOf(idPrefixes, type) ?? 'item';
}

export interface ItemIdentity {
  readonly id: string;
  readonly type: string;
  readonly callId: string | null;
}

/** @param options.showsEncrypted - Whether the client asked for encrypted reasoning; it is left out otherwise. */
export function completeItem(
  item: JsonRecord,
  { identity, status, showsEncrypted }: { identity: ItemIdentity; status: string; showsEncrypted: boolean },
): JsonRecord {
  const { encrypted_content: encrypted, ...plain } = item;
  const keepsEncrypted = encrypted !== null && encrypted !== undefined;
  const base: JsonRecord = { ...plain, id: identity.id, type: identity.type };
  if (identity.type === 'reasoning')
    return {
      ...base,
      summary: listOf(item['summary']),
      ...(keepsEncrypted && showsEncrypted ? { encrypted_content: encrypted } : {}),
    };
  if (keepsEncrypted) base['encrypted_content'] = encrypted;
  if (identity.callId !== null) base['call_id'] = identity.callId;
  if (identity.type === 'message')
    return {
      ...base,
      status: item['status'] ?? status,
      role: item['role'] ?? 'assistant',
      content: listOf(item['content']).map((part) => (isRecord(part) ? completePart(part) : part)),
    };
  if (identity.type === 'function_call')
    return {
      ...base,
      name: textOf(item['name']),
      arguments: textOf(item['arguments']),
      status: item['status'] ?? status,
    };
  if (identity.type === 'custom_tool_call')
    return { ...base, name: textOf(item['name']), input: textOf(item['input']), status: item['status'] ?? status };
  return base;
}

/** A content part of a message. */
export function completePart(part: JsonRecord): JsonRecord {
  if (part['type'] !== 'output_text') return part;
  return {
    ...part,
    text: textOf(part['text']),
    annotations: listOf(part['annotations']),
    logprobs: listOf(part['logprobs']),
  };
}

/** The text a part carries, whatever its kind calls the field. */
export function partText(part: unknown): string {
  const { text, refusal } = recordOf(part);
  return textOf(text) || textOf(refusal);
}
