/** The tool choice of a public request (v1 spec 2.4): only what names a declared tool goes on. Pure. */
import { isRecord, listOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { rowOf } from '../../../lib/row-of.ts';
import { badValue } from './bad-request.ts';
import type { Surface, ToolSet } from './read-tools.ts';

const words = ['auto', 'none', 'required'] as const;
const hosted: Readonly<Record<string, string>> = {
  web_search: 'web_search',
  web_search_preview: 'web_search',
  web_search_preview_2025_03_11: 'web_search',
  image_generation: 'image_generation',
  programmatic_tool_calling: 'programmatic_tool_calling',
};

/** @throws {GatewayError} for a choice the declared tools do not allow. */
export function readToolChoice(choice: unknown, { tools, surface }: { tools: ToolSet; surface: Surface }): unknown {
  if (choice === undefined) return undefined;
  const hasTools = (tools.tools ?? []).length > 0;
  if (typeof choice === 'string') {
    if (!(words as readonly string[]).includes(choice)) throw wrong();
    if (choice === 'required' && !hasTools) throw badValue('tool_choice', 'needs tools');
    return choice;
  }
  if (!isRecord(choice)) throw wrong();
  if (!hasTools) throw badValue('tool_choice', 'needs tools');
  const { type } = choice;
  if (type === 'allowed_tools') return readAllowed(choice, { tools, surface });
  return readNamed(choice, { tools, surface });
}

function readNamed(choice: JsonRecord, { tools, surface }: { tools: ToolSet; surface: Surface }): JsonRecord {
  const type = textOf(choice['type']);
  if (type === 'function' || type === 'custom') {
    const inner = choice[type];
    const name = textOf(isRecord(inner) ? inner['name'] : choice['name']);
    if (!tools.declared.has(`${type}:${name}`)) throw badValue('tool_choice', 'must name a tool of this request');
    const allowed = isRecord(inner) && surface === 'chat' ? ['type', type] : ['type', 'name'];
    expectOnly(choice, allowed);
    return { type, name: tools.names.shorten(name) };
  }
  const known = rowOf(hosted, type);
  if (known === undefined) throw wrong();
  expectOnly(choice, ['type']);
  if (!tools.declared.has(known)) throw badValue('tool_choice', 'must name a tool of this request');
  return { type: known };
}

function readAllowed(choice: JsonRecord, { tools, surface }: { tools: ToolSet; surface: Surface }): JsonRecord {
  if (surface === 'chat') throw wrong();
  expectOnly(choice, ['type', 'mode', 'tools']);
  const { mode } = choice;
  if (mode !== 'auto' && mode !== 'required') throw badValue('tool_choice.mode', 'must be one of auto, required');
  const members = listOf(choice['tools']);
  const isWhole = members.length > 0 && members.every((each) => isRecord(each));
  if (!isWhole) throw badValue('tool_choice.tools', 'must be a list of tools');
  return {
    type: 'allowed_tools',
    mode,
    tools: members.map((each) => readNamed(each, { tools: { ...tools, declared: tools.atTop }, surface })),
  };
}

function expectOnly(choice: JsonRecord, names: readonly string[]): void {
  if (Object.keys(choice).some((name) => !names.includes(name))) throw wrong();
}

function wrong() {
  return badValue('tool_choice', 'must be auto, none, required, or name one tool of this request');
}
