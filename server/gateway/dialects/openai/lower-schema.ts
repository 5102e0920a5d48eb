/**
 * Lowers the schema of a function tool that is not strict to what the provider accepts (v1 spec 2.3). Only such
 * schemas: a strict one is the client's word and stays untouched. Pure.
 */
import { isRecord, type JsonRecord } from '../../../lib/json-values.ts';

const kept = new Set([
  '$ref',
  'description',
  'type',
  'enum',
  'required',
  'properties',
  'items',
  'additionalProperties',
  'anyOf',
  'oneOf',
  'allOf',
  '$defs',
  'definitions',
]);
const lists = new Set(['anyOf', 'oneOf', 'allOf']);
const shelves = new Set(['properties', '$defs', 'definitions']);

/** @returns a schema whose root is an object, with the client's descriptions and its order of keys. */
export function lowerSchema(schema: unknown): JsonRecord {
  const root = lowerNode(schema);
  // Set in place where they stand already, so that the order stays.
  root['type'] = 'object';
  root['properties'] = isRecord(root['properties']) ? root['properties'] : {};
  return root;
}

function lowerNode(node: unknown): JsonRecord {
  // `true` and `false` are schemas too; nothing can be said of them in the lowered form.
  if (!isRecord(node)) return {};
  const lowered: JsonRecord = {};
  for (const [name, value] of Object.entries(node)) {
    if (name === 'const' && node['enum'] === undefined) lowered['enum'] = [value];
    else if (kept.has(name)) assign(lowered, { name, value });
  }
  const type = lowered['type'] ?? inferredType(lowered);
  if (type !== undefined) lowered['type'] = type;
  if (isOf(type, 'object')) lowered['properties'] ??= {};
  if (isOf(type, 'array')) lowered['items'] ??= {};
  return lowered;
}

function assign(lowered: JsonRecord, { name, value }: { name: string; value: unknown }): void {
  if (lists.has(name)) {
    if (Array.isArray(value)) lowered[name] = value.map(lowerNode);
  } else if (shelves.has(name)) {
    if (isRecord(value))
      lowered[name] = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, lowerNode(child)]));
  } else if (name === 'items') {
    lowered[name] = Array.isArray(value) ? value.map(lowerNode) : lowerNode(value);
  } else if (name === 'additionalProperties') {
    lowered[name] = typeof value === 'boolean' ? value : lowerNode(value);
  } else if (name === 'required') {
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) lowered[name] = value;
  } else {
    lowered[name] = value;
  }
}

function inferredType(node: JsonRecord): string | undefined {
  if ('properties' in node || 'required' in node || 'additionalProperties' in node) return 'object';
  return 'items' in node ? 'array' : undefined;
}

function isOf(type: unknown, wanted: string): boolean {
  return type === wanted || (Array.isArray(type) && type.includes(wanted));
}
