/** Structured output (v1 spec 2.6): chat's and the Responses surface's spelling become `text.format`. Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { isRecord, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue } from './bad-request.ts';
import { strictSchemaProblem } from './strict-schema.ts';

const schemaName = /^[A-Za-z0-9_-]{1,64}$/;

/** `text.format` of the Responses surface. */
export function readTextFormat(format: unknown): JsonRecord | undefined {
  if (format === undefined || format === null) return undefined;
  return readFormat(format, { at: 'text.format', schemaAt: 'text.format.schema', isNested: false });
}

/** `response_format` of chat. */
export function readResponseFormat(format: unknown): JsonRecord | undefined {
  if (format === undefined || format === null) return undefined;
  return readFormat(format, {
    at: 'response_format',
    schemaAt: 'response_format.json_schema.schema',
    isNested: true,
  });
}

interface Place {
  readonly at: string;
  readonly schemaAt: string;
  readonly isNested: boolean;
}

function readFormat(format: unknown, { at, schemaAt, isNested }: Place): JsonRecord {
  const type = isRecord(format) ? format['type'] : undefined;
  if (!isRecord(format) || (type !== 'text' && type !== 'json_object' && type !== 'json_schema'))
    throw badValue(at, 'must be of type text, json_object or json_schema');
  if (type !== 'json_schema') return { type };
  const holder = isNested ? format['json_schema'] : format;
  const holderAt = isNested ? `${at}.json_schema` : at;
  if (!isRecord(holder)) throw badValue(holderAt, 'must be an object');
  const { name, schema, strict, description } = holder;
  if (!schemaName.test(textOf(name)))
    throw badValue(`${holderAt}.name`, 'must be a name of up to 64 letters, digits, underscores and hyphens');
  if (!isRecord(schema)) throw badValue(schemaAt, 'must be an object');
  if (strict === true) checkStrict(schema, schemaAt);
  return { type, name, ...present({ description, strict }), schema };
}

function checkStrict(schema: JsonRecord, at: string): void {
  const problem = strictSchemaProblem(schema);
  if (!problem) return;
  const param = `${at}${problem.path}`;
  throw new GatewayError('invalid_json_schema', { param, detail: `'${param}' ${problem.what}.` });
}

function present(fields: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}
