/**
 * Errors as frames of a websocket (wire spec A7.5): the body that HTTP would have, with a status at the top level. Of the
 * statuses only a few are final for Codex; with every other it comes back on a new socket and asks again, so those that
 * asking again cannot change become 400.
 */
import type { GatewayError } from '../../../contract/gateway-error.ts';
import { parseJson, recordOf } from '../../../lib/json-values.ts';
import type { UpstreamAnswer } from '../../attempt/faults.ts';
import { renderCodexError } from './render-error.ts';

/** The gateway's own refusal. */
export function renderErrorFrame(error: GatewayError): Buffer {
  const { status, headers, body } = renderCodexError(error);
  const told = recordOf(recordOf(body)['error']);
  return frameOf({ status: status === 429 ? statusOf(status, told) : status, error: told, headers });
}

/** The provider's refusal in its own words; in ours where its body is none that a client reads. */
export function renderRefusalFrame({ status, headers, body }: UpstreamAnswer, otherwise: GatewayError): Buffer {
  const error = errorIn(body);
  if (!error) return renderErrorFrame(otherwise);
  const passed = passedHeaders.flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return frameOf({ status: statusOf(status, error), error, headers: Object.fromEntries(passed) });
}

/**
 * An `error` event in the middle of a stream. Over HTTP clients ignore it and take the stream for cut; here one without
 * a status at the top level would leave them waiting.
 */
export function renderErrorEvent(event: Record<string, unknown>): Buffer {
  const { error: nested, status, status_code: statusCode, type: _type, sequence_number: _number, ...flat } = event;
  const error = typeof nested === 'object' && nested !== null ? recordOf(nested) : flat;
  const named = [status, statusCode].find((each) => typeof each === 'number');
  return frameOf({ status: statusOf(typeof named === 'number' ? named : brokenStatus, error), error, headers: {} });
}

/** A break without a status of its own: the client asks again. */
const brokenStatus = 502;

const passedHeaders = ['retry-after', 'x-codex-rate-limit-reached-type'];

/** Limits that a wait of seconds does not end: Codex shows them, each in words of its own. */
const finalLimits = new Set(['usage_limit_reached', 'usage_not_included', 'insufficient_quota']);

/** Over a websocket a 429 ends the turn without a wait, so one that passes soon becomes a status that is asked again. */
function statusOf(status: number, { type, code }: Record<string, unknown>): number {
  if (status === 429) return finalLimits.has(String(type)) || finalLimits.has(String(code)) ? 429 : 503;
  const isRefusal = status >= 400 && status < 500 && status !== 401;
  return isRefusal ? 400 : status;
}

/** null for an edge's page, or nothing at all. */
function errorIn(body: Buffer): Record<string, unknown> | null {
  const { error, detail } = recordOf(parseJson(body));
  if (typeof error === 'object' && error !== null) return recordOf(error);
  const { message = detail, code = null } = recordOf(detail);
  if (typeof message !== 'string') return null;
  return { message, type: 'invalid_request_error', code, param: null };
}

function frameOf({ status, error, headers }: { status: number; error: unknown; headers: object }): Buffer {
  const rest = Object.keys(headers).length > 0 ? { headers } : {};
  return Buffer.from(JSON.stringify({ type: 'error', status, error, ...rest }));
}
