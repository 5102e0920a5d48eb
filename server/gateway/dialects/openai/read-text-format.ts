/** Structured output (v1 spec 2.6): chat's and the Responses surface's spelling become `text.format`. Pure. */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { isRecord, recordOf, textOf, withoutNull, type JsonRecord } from '../../../lib/json-values.ts';
import { badValue, unsupported } from './bad-request.ts';
import { isWord } from './checks.ts';
import { plainName } from './fields.ts';
import { strictSchemaProblem } from './strict-schema.ts';

const schemaName = /^[A-Za-z0-9_-]{1,64}$/;

/** `text` of a request, with what chat and other spellings say of it (v1 spec 2, 2.6). */
export function readText(request: JsonRecord): JsonRecord {
  const { format: own, verbosity, ...unknown } = withoutNull(recordOf(request['text']));
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) throw unsupported(`text.${plainName(extra)}`);
  const { response_format: ofChat } = request;
  if (own !== undefined && ofChat !== undefined)
    throw badValue('response_format', 'must not be given beside text.format');
  const format = ofChat === undefined ? readTextFormat(own) : readResponseFormat(ofChat);
  return withoutNull({
    verbosity: readVerbosity(verbosity ?? request['verbosity'] ?? request['textVerbosity']),
    format,
  });
}

function readVerbosity(verbosity: unknown): unknown {
  const wrong = verbosity === undefined ? null : isWord('low', 'medium', 'high')(verbosity);
  if (wrong) throw badValue('text.verbosity', wrong);
  return verbosity;
}

function readTextFormat(format: unknown): JsonRecord | undefined {
  if (format === undefined) return undefined;
  return readFormat(format, { at: 'text.format', schemaAt: 'text.format.schema', isNested: false });
}

function readResponseFormat(format: unknown): JsonRecord {
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
  return { type, name, ...withoutNull({ description, strict }), schema };
}

function checkStrict(schema: JsonRecord, at: string): void {
  const problem = strictSchemaProblem(schema);
  if (!problem) return;
  const param = `${at}${problem.path}`;
  throw new GatewayError('invalid_json_schema', { param, detail: `'${param}' ${problem.what}.` });
}
