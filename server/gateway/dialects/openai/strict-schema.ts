/**
 * Checks a strict JSON schema against the provider's rules before it is sent: a violation there only closes the
 * connection, and the client would learn nothing of it (v1 spec 2.3). Pure; never changes the schema.
 */
import { isRecord, textOf, type JsonRecord } from '../../../lib/json-values.ts';

export interface SchemaProblem {
  /** Where in the schema, e.g. `.properties.city`; empty for its root. */
  readonly path: string;
  /** What is wrong, as the end of a sentence. */
  readonly what: string;
}

const types = new Set(['null', 'boolean', 'object', 'array', 'number', 'integer', 'string']);
const unions = ['anyOf', 'oneOf', 'allOf'] as const;
const shelves = ['$defs', 'definitions'] as const;

/** The first rule that the schema breaks, or null. */
export function strictSchemaProblem(schema: unknown): SchemaProblem | null {
  if (!isRecord(schema)) return { path: '', what: 'must be an object' };
  if ('$ref' in schema) return { path: '.$ref', what: 'must not be a reference at the root' };
  for (const union of unions) if (union in schema) return { path: `.${union}`, what: 'must not stand at the root' };
  if (schema['type'] !== 'object') return { path: '.type', what: 'must be "object" at the root' };
  return problemOf(schema, { path: '', root: schema });
}

interface Place {
  readonly path: string;
  readonly root: JsonRecord;
}

function problemOf(node: unknown, place: Place): SchemaProblem | null {
  if (!isRecord(node)) return { path: place.path, what: 'must be an object' };
  if ('$ref' in node) return referenceProblem(node, place);
  return typeProblem(node, place) ?? objectProblem(node, place) ?? childProblem(node, place);
}

function typeProblem(node: JsonRecord, { path }: Place): SchemaProblem | null {
  const { type } = node;
  if (type === undefined) return unions.some((union) => union in node) ? null : { path, what: 'must have a "type"' };
  const named = Array.isArray(type) ? (type as unknown[]) : [type];
  if (named.length === 0 || new Set(named).size !== named.length)
    return { path: `${path}.type`, what: 'must name each type once' };
  const unknown = named.find((each) => !types.has(textOf(each)));
  return unknown === undefined ? null : { path: `${path}.type`, what: 'names a type that JSON schema does not know' };
}

function objectProblem(node: JsonRecord, { path }: Place): SchemaProblem | null {
  const isObject = node['type'] === 'object' || (Array.isArray(node['type']) && node['type'].includes('object'));
  if (!isObject) return null;
  if (node['additionalProperties'] !== false)
    return { path: `${path}.additionalProperties`, what: 'must be false in a strict schema' };
  const { properties = {}, required = [] } = node;
  if (!isRecord(properties)) return { path: `${path}.properties`, what: 'must be an object' };
  if (!Array.isArray(required)) return { path: `${path}.required`, what: 'must be a list' };
  const names = Object.keys(properties);
  const isExact = required.length === names.length && names.every((name) => required.includes(name));
  return isExact ? null : { path: `${path}.required`, what: 'must name every property, and nothing else' };
}

function childProblem(node: JsonRecord, { path, root }: Place): SchemaProblem | null {
  for (const [where, child] of childrenOf(node)) {
    const problem = problemOf(child, { path: `${path}${where}`, root });
    if (problem) return problem;
  }
  return null;
}

function* childrenOf(node: JsonRecord): Generator<readonly [where: string, child: unknown]> {
  for (const shelf of ['properties', ...shelves] as const)
    for (const [name, child] of Object.entries(isRecord(node[shelf]) ? node[shelf] : {}))
      yield [`.${shelf}.${name}`, child];
  for (const list of ['items', ...unions] as const) {
    const { [list]: value } = node;
    if (Array.isArray(value)) for (const [index, child] of value.entries()) yield [`.${list}[${index}]`, child];
    else if (value !== undefined) yield [`.${list}`, value];
  }
}

/** A reference leads, alone, to a definition of the same schema; a chain of references must end in something. */
function referenceProblem(node: JsonRecord, { path, root }: Place): SchemaProblem | null {
  if (Object.keys(node).length > 1) return { path, what: 'must contain nothing beside "$ref"' };
  const seen = new Set<unknown>();
  for (let current: JsonRecord = node; '$ref' in current;) {
    const target = definitionOf(textOf(current['$ref']), root);
    if (!isRecord(target)) return { path: `${path}.$ref`, what: 'must name a definition of this schema' };
    if (seen.has(target)) return { path: `${path}.$ref`, what: 'must not lead only to references' };
    seen.add(target);
    current = target;
  }
  return null;
}

function definitionOf(reference: string, root: JsonRecord): unknown {
  if (reference === '#') return root;
  const [hash, shelf = '', ...rest] = reference.split('/');
  if (hash !== '#' || !(shelves as readonly string[]).includes(shelf) || rest.length === 0) return undefined;
  let current: unknown = root[shelf];
  for (const step of rest) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    current = isRecord(current) && Object.hasOwn(current, name) ? current[name] : undefined;
  }
  return current;
}
