/**
 * Finds the tool outputs of a request body and says of each whether it may be shortened. It reads the input from its
 * beginning and decides by what came before alone: what a conversation grows by never changes an earlier decision.
 */
import type { OutputSkip } from '../../contract/vocabulary.ts';
import { readSpan, scanArray, scanObject, type Member, type Span } from '../../lib/json-spans.ts';
import { skipOfTool, type ToolCall } from './protected-tools.ts';
import { readSchemaBound } from './schema-bound-tools.ts';

export interface ToolOutput {
  /** Where its text lies in the body, quotes included. */
  readonly span: Span;
  /** Why it must stay as it is; null when it may be shortened. */
  readonly skip: OutputSkip | null;
}

/**
 * Outputs are looked for in the first MiB of the input. A limit on the whole body would let a growing conversation lose
 * all of its compression in one turn, and with it the provider's prompt cache.
 */
export const searchedBytes = 2 ** 20;
/** Smaller texts are not worth it, in bytes. */
export const leastBytes = 512;

/** Longest name or id that is read. */
const longestName = 512;

/** Outputs by their type; these calls name no tool because their type does. */
const outputTypes: Readonly<Record<string, string | null>> = {
  function_call_output: null,
  local_shell_call_output: 'local_shell',
  apply_patch_call_output: 'apply_patch',
};

/** Outputs of {@link leastBytes} or more, in their order. None when `input` is not one array. */
export function* findOutputs(body: Buffer): Generator<ToolOutput, void> {
  const members = scanObject(body);
  const input = single(members, 'input');
  if (!input || body[input.start] !== 0x5b) return;
  const items = body.subarray(input.start, input.end);
  const schemaBound = readSchemaBound(body, members);
  const calls = new Map<string, ToolCall | null>();
  for (const { start, end } of scanArray(items)) {
    if (end > searchedBytes) break;
    const item = items.subarray(start, end);
    if (item[0] !== 0x7b || (!item.includes('call') && !item.includes('additional_tools'))) continue;
    const parts = scanObject(item);
    const type = nameIn(item, parts, 'type');
    if (type === 'additional_tools') for (const name of readSchemaBound(item, parts)) schemaBound.add(name);
    else if (type === 'function_call' || type === 'local_shell_call') noteCall(calls, { item, parts, type });
    else if (type !== null && Object.hasOwn(outputTypes, type)) {
      const output = single(parts, 'output');
      if (!output || item[output.start] !== 0x22 || output.end - output.start - 2 < leastBytes) continue;
      const id = nameIn(item, parts, 'call_id');
      const named = outputTypes[type] ?? null;
      const call = named !== null ? { name: named, namespace: null } : id === null ? null : (calls.get(id) ?? null);
      const offset = input.start + start;
      yield {
        span: { start: offset + output.start, end: offset + output.end },
        skip: skipOfTool(call, schemaBound),
      };
    }
  }
}

/** Two calls under one id that are not of the same tool leave it unknown whose output it is. */
function noteCall(
  calls: Map<string, ToolCall | null>,
  { item, parts, type }: { item: Buffer; parts: readonly Member[]; type: string },
): void {
  const id = nameIn(item, parts, 'call_id');
  if (id === null) return;
  const name = type === 'local_shell_call' ? 'local_shell' : nameIn(item, parts, 'name');
  const hasNamespace = parts.some(({ key }) => key === 'namespace');
  const namespace = nameIn(item, parts, 'namespace');
  const call = name === null || (hasNamespace && namespace === null) ? null : { name, namespace };
  const before = calls.get(id);
  const isSame = before === undefined || (before?.name === call?.name && before?.namespace === call?.namespace);
  calls.set(id, isSame ? call : null);
}

/** A member given twice means something else to every reader, so it means nothing here. */
function single(members: readonly Member[], name: string): Member | undefined {
  const found = members.filter(({ key }) => key === name);
  return found.length === 1 ? found[0] : undefined;
}

function nameIn(item: Buffer, members: readonly Member[], name: string): string | null {
  const span = single(members, name);
  if (!span || span.end - span.start > longestName) return null;
  const value = readSpan(item, span);
  return typeof value === 'string' ? value : null;
}
