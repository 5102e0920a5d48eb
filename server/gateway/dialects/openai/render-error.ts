/** Errors as OpenAI client libraries understand them (v1 spec 4.1): four fields, and whether asking again can help. */
import type { GatewayError } from '../../../contract/gateway-error.ts';
import { parseJson, recordOf } from '../../../lib/json-values.ts';
import type { Fault } from '../../attempt/faults.ts';
import type { RenderedError, SaidFailure } from '../dialect.ts';
import { recoveryOf } from '../codex/render-recovery.ts';
import { providerFailure, type ProviderFailure } from './provider-failure.ts';

/** Overload asks for this wait (v1 spec 1.4). */
const overloadSeconds = 5;
/** Client libraries ignore longer waits and would ask again at once (v1 spec 4.1). */
const longestHonouredSeconds = 60;

export function renderOpenAiError(error: GatewayError, now: Date): RenderedError {
  const { row, param, resetsAt, limit, sentence } = error;
  const { openai = {} } = row;
  const code = openai.code ?? error.code;
  const status = openAiStatusOf(error);
  const type = openai.type ?? (row.type === 'usage_limit_reached' ? 'insufficient_quota' : row.type);
  const seconds = waitSeconds(error, now);
  const recovery = recoveryOf(error);
  // The same files conflict again; other statuses of the client's making may pass with time.
  const isConflict = status === 409 && error.row.blame === 'client';
  const reset =
    error.code === 'usage_limit_reached' && resetsAt
      ? { resets_at: Math.ceil(resetsAt.getTime() / 1000), resets_in_seconds: seconds }
      : {};
  return {
    status,
    headers: {
      ...retryHeaders({ status, seconds, isFinal: recovery?.fields['retryable'] === false || isConflict }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...recovery?.headers,
    },
    body: {
      error: {
        message: sentence,
        type,
        param: param ?? null,
        code,
        ...reset,
        ...(limit && { limit }),
        ...recovery?.fields,
      },
    },
  };
}

/** The status a client of this surface gets for this error. */
export function openAiStatusOf({ row }: GatewayError): number {
  return row.openai?.status ?? row.status;
}

/** The provider's refusal, in the words of this surface. HTML of its network edge never shows. */
export function renderProviderRefusal({ answer, retryAfterMs, upstreamStatus }: Fault): RenderedError {
  const failure = providerFailure(recordOf(answer && parseJson(answer.body)), answer?.status ?? upstreamStatus);
  const seconds = retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1000);
  return renderProviderFailure(failure, seconds);
}

export function renderProviderFailure(failure: ProviderFailure, seconds: number | null): RenderedError {
  const { status, type, code, message, param } = failure;
  const wait = seconds ?? (code === 'server_is_overloaded' ? overloadSeconds : null);
  return { status, headers: retryHeaders({ status, seconds: wait }), body: { error: { message, type, param, code } } };
}

/** What is said of an error once the stream began. */
export function saidOf(error: GatewayError, now: Date): SaidFailure {
  const { status, body } = renderOpenAiError(error, now);
  const { code, message, type } = recordOf(recordOf(body)['error']);
  return { status, code: code as string, message: message as string, type: type as string };
}

function waitSeconds({ code, retryAfterMs, resetsAt }: GatewayError, now: Date): number | null {
  if (retryAfterMs !== undefined && code !== 'server_is_overloaded') return Math.max(1, Math.ceil(retryAfterMs / 1000));
  if (code === 'server_is_overloaded') return overloadSeconds;
  return resetsAt ? Math.max(1, Math.ceil((resetsAt.getTime() - now.getTime()) / 1000)) : null;
}

function retryHeaders({
  status,
  seconds,
  isFinal = false,
}: {
  status: number;
  seconds: number | null;
  /** The same request can never succeed, whatever the status says of others. */
  isFinal?: boolean;
}): Record<string, string> {
  const mayHelp = !isFinal && (status === 408 || status === 409 || status === 429 || status >= 500);
  const isTooLong = seconds !== null && seconds > longestHonouredSeconds;
  return {
    ...(seconds === null ? {} : { 'retry-after': String(seconds) }),
    ...(mayHelp && !isTooLong ? {} : { 'x-should-retry': 'false' }),
  };
}
