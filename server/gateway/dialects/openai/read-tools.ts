/**
 * The tools of a public request as the provider takes them (v1 spec 2.3). Strict tools travel in the client's own bytes;
 * the schemas of others are lowered. Both surfaces share this: chat's nested shape is flattened first.
 */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { scanArray, scanObject } from '../../../lib/json-spans.ts';
import { isRecord, listOf, recordOf, textOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from './bad-request.ts';
import { plainName } from './fields.ts';
import { lowerSchema } from './lower-schema.ts';
import { RawJson } from './raw-json.ts';
import { strictSchemaProblem } from './strict-schema.ts';
import { createToolNames, type ToolNames } from './tool-names.ts';

export type Surface = 'responses' | 'chat';

export interface ToolSet {
  /** What goes to the provider; null when the client sent no list, which is not the same as an empty one. */
  readonly tools: readonly unknown[] | null;
  readonly names: ToolNames;
  /** What a tool choice may name: `function:<name>`, `custom:<name>`, or a type without name. */
  readonly declared: ReadonlySet<string>;
  /** Those among them that no namespace holds. */
  readonly atTop: ReadonlySet<string>;
}

interface ToolPlace {
  readonly surface: Surface;
  /** Where the tool stands in the client's own list, e.g. `tools[3]`. */
  readonly at: string;
  /** The tool in the client's own bytes. */
  readonly raw: Buffer;
  readonly names: ToolNames;
}

const webSearchTypes = new Set(['web_search', 'web_search_preview', 'web_search_preview_2025_03_11']);
/** Hosts in one filter of a search. */
const maxDomains = 100;
const functionFields = new Set([
  'type',
  'name',
  'description',
  'parameters',
  'strict',
  'defer_loading',
  'allowed_callers',
  'output_schema',
]);
const webSearchFields = ['filters', 'search_context_size', 'user_location', 'external_web_access'] as const;
/** Tools that only the Responses surface has and the provider takes as they are. */
const passedTypes = new Set(['local_shell', 'shell', 'apply_patch', 'programmatic_tool_calling', 'tool_search']);

/** The names of all tools, before any of them is looked at: the conversation calls them. */
export function toolNamesIn(tools: unknown): ToolNames {
  return createToolNames(listOf(tools).flatMap((tool) => namesOf(tool)));
}

/**
 * @param body - The request's bytes, for tools that travel as they were written.
 * @throws {GatewayError} naming the tool at fault.
 */
export function readTools(
  body: Buffer,
  { tools, surface, names }: { tools: unknown; surface: Surface; names: ToolNames },
): ToolSet {
  if (tools === undefined) return { tools: null, names, declared: new Set(), atTop: new Set() };
  if (!Array.isArray(tools)) throw badValue('tools', 'must be a list');
  const raws = rawElements(body, 'tools');
  const declared = new Set<string>();
  const called = new Set<string>();
  const read = tools.map((tool: unknown, index) => {
    const place = { surface, at: `tools[${index}]`, raw: raws[index] ?? Buffer.alloc(0), names };
    if (!isRecord(tool)) throw badValue(place.at, 'must be an object');
    for (const key of keysOf(tool)) {
      declared.add(key);
      const [, name] = key.split(':');
      if (name === undefined) continue;
      if (called.has(name)) throw badValue('tools', 'must not declare one name twice');
      called.add(name);
    }
    return readTool(tool, place);
  });
  const atTop = tools
    .filter((tool) => recordOf(tool)['type'] !== 'namespace')
    .flatMap((tool) => keysOf(recordOf(tool)));
  return { tools: read, names, declared, atTop: new Set(atTop) };
}

function readTool(tool: JsonRecord, place: ToolPlace): unknown {
  const type = textOf(tool['type']);
  if (type === 'function') return readFunction(tool, place);
  if (type === 'custom') return readCustom(tool, place);
  if (type === 'namespace') return readNamespace(tool, place);
  if (webSearchTypes.has(type)) return readWebSearch(tool, place.at);
  if (type === 'image_generation') return new RawJson(place.raw.toString('utf8'));
  if (passedTypes.has(type) && place.surface === 'responses') return new RawJson(place.raw.toString('utf8'));
  if (type === 'mcp') throw badValue('tools', 'must not hold remote MCP servers: this gateway does not call them');
  throw badValue(`${place.at}.type`, 'must be a tool this gateway supports: function, custom or web_search');
}

function readFunction(tool: JsonRecord, place: ToolPlace): unknown {
  const isNested = isRecord(tool['function']);
  const inner = isNested ? (tool['function'] as JsonRecord) : tool;
  const at = isNested ? `${place.at}.function` : place.at;
  const name = nameOf(inner, at);
  const shortened = place.names.shorten(name);
  if (inner['strict'] === true && (inner['parameters'] ?? null) === null)
    return flat(inner, { name: shortened, parameters: strictlyNothing });
  if (inner['strict'] === true) {
    checkStrict(inner['parameters'], `${at}.parameters`);
    const raw = isNested ? memberBytes(place.raw, 'function') : place.raw;
    const isAsWritten = !isNested && shortened === name && !Object.values(inner).includes(null);
    if (isAsWritten) return new RawJson(raw.toString('utf8'));
    const parameters = new RawJson(memberBytes(raw, 'parameters').toString('utf8'));
    return flat(inner, { name: shortened, parameters });
  }
  return flat(inner, { name: shortened, parameters: lowerSchema(inner['parameters']) });
}

/** A function that names no parameters has none; so a strict schema says it. */
const strictlyNothing = { type: 'object', properties: {}, required: [], additionalProperties: false };

/** The fields of a function tool that the provider knows, in the client's order, the empty ones left out. */
function flat(inner: JsonRecord, read: { name: string; parameters: unknown }): JsonRecord {
  const given = Object.entries(inner).filter(([name, value]) => functionFields.has(name) && value !== null);
  const typed = { type: 'function' };
  return { ...('type' in inner ? {} : typed), ...Object.fromEntries(given), ...read, ...typed };
}

function readCustom(tool: JsonRecord, place: ToolPlace): unknown {
  const isNested = isRecord(tool['custom']);
  const inner = isNested ? (tool['custom'] as JsonRecord) : tool;
  const name = nameOf(inner, isNested ? `${place.at}.custom` : place.at);
  const { description, format } = inner;
  return { type: 'custom', name: place.names.shorten(name), ...withoutNull({ description, format: formatOf(format) }) };
}

/** Chat nests a grammar once more than the Responses surface does. */
function formatOf(format: unknown): unknown {
  if (!isRecord(format) || !isRecord(format['grammar'])) return format;
  return { type: 'grammar', ...format['grammar'] };
}

function readNamespace(tool: JsonRecord, place: ToolPlace): unknown {
  const raws = rawElements(place.raw, 'tools');
  const inner = listOf(tool['tools']).map((each, index) => {
    const at = `${place.at}.tools[${index}]`;
    if (!isRecord(each)) throw badValue(at, 'must be an object');
    const type = textOf(each['type']);
    const isKnown = type === 'function' || (type === 'custom' && place.surface === 'responses');
    if (!isKnown) throw badValue(`${at}.type`, 'must be a function or a custom tool');
    return readTool(each, { ...place, at, raw: raws[index] ?? Buffer.alloc(0) });
  });
  const { description } = tool;
  return { type: 'namespace', name: nameOf(tool, place.at), ...withoutNull({ description }), tools: inner };
}

function readWebSearch(tool: JsonRecord, at: string): unknown {
  for (const [name, domains] of Object.entries(recordOf(tool['filters']))) {
    if (domains === null) continue;
    const isList = Array.isArray(domains) && domains.length > 0 && domains.length <= maxDomains;
    if (!isList || !domains.every((each) => /^[^\s:/]+$/.test(textOf(each))))
      throw badValue(`${at}.filters.${plainName(name)}`, `must list 1 to ${maxDomains} hosts without their scheme`);
  }
  return {
    type: 'web_search',
    ...withoutNull(Object.fromEntries(webSearchFields.map((field) => [field, tool[field]]))),
  };
}

/** @throws {GatewayError} `invalid_function_parameters` naming the place in the client's own words. */
function checkStrict(schema: unknown, at: string): void {
  const problem = strictSchemaProblem(schema);
  if (!problem) return;
  const param = `${at}${problem.path}`;
  throw new GatewayError('invalid_function_parameters', { param, detail: `'${param}' ${problem.what}.` });
}

function nameOf(inner: JsonRecord, at: string): string {
  const name = textOf(inner['name']);
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(name))
    throw badValue(`${at}.name`, 'must be a name of letters, digits, underscores and hyphens');
  return name;
}

function namesOf(tool: unknown): string[] {
  if (!isRecord(tool)) return [];
  const nested = tool['function'] ?? tool['custom'];
  const own = textOf((isRecord(nested) ? nested : tool)['name']);
  return [...(own === '' ? [] : [own]), ...listOf(tool['tools']).flatMap((each) => namesOf(each))];
}

function keysOf(tool: JsonRecord): string[] {
  const type = textOf(tool['type']);
  if (type === 'namespace') return listOf(tool['tools']).flatMap((each) => (isRecord(each) ? keysOf(each) : []));
  const [name] = namesOf(tool);
  if (type === 'function' || type === 'custom') return [`${type}:${name ?? ''}`];
  return [webSearchTypes.has(type) ? 'web_search' : type];
}

/** The bytes of each element of a list in an object. */
function rawElements(object: Buffer, name: string): Buffer[] {
  const list = memberBytes(object, name);
  return list[0] === 0x5b ? scanArray(list).map(({ start, end }) => list.subarray(start, end)) : [];
}

/** The bytes of one member; the last one counts when it is given twice, as a JSON parser has it. */
function memberBytes(object: Buffer, name: string): Buffer {
  const member = scanObject(object).findLast(({ key }) => key === name);
  return member ? object.subarray(member.start, member.end) : Buffer.alloc(0);
}
