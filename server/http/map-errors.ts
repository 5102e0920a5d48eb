/** The one place where an error becomes an HTTP answer, in the language of the surface it is asked on. */
import type { ServerResponse } from 'node:http';
import { GatewayError } from '../contract/gateway-error.ts';
import { RefusedByProvider } from '../gateway/answer-exchange.ts';
import type { Fault } from '../gateway/attempt/faults.ts';
import { defaultCoolDownMs } from '../gateway/attempt/note-fault.ts';
import { renderCodexError, secondsOf } from '../gateway/dialects/codex/render-error.ts';
import type { RenderedError } from '../gateway/dialects/dialect.ts';
import { renderOpenAiError } from '../gateway/dialects/openai/render-error.ts';
import { renderPublicFailure } from '../gateway/refusals/render-public-failure.ts';
import { isPublicPath } from '../gateway/routes.ts';
import { ClientLeft } from '../gateway/running-exchanges.ts';
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';

export interface FailedCall {
  readonly response: ServerResponse;
  readonly path: string;
  readonly requestId: string;
}

/** Sends the error if nothing was sent yet; otherwise ends the connection, which is all that is left to say. */
export function sendError(error: unknown, { call, log, clock }: { call: FailedCall; log: Log; clock: Clock }): void {
  const { response, requestId, path } = call;
  if (error instanceof ClientLeft || (error instanceof GatewayError && error.code === 'client_disconnected')) return;
  if (response.headersSent || response.destroyed) {
    log.error('failed_after_answer_began', { requestId, ...errorFacts(error) });
    response.destroy();
    return;
  }
  if (isPublicPath(path)) {
    const { code, ...rendered } = renderPublicFailure(error, clock.now());
    if (code === 'internal_error') log.error('internal_error', { requestId, ...errorFacts(error) });
    return send(response, { requestId, rendered });
  }
  if (error instanceof RefusedByProvider) return sendProviderRefusal(error, { call });
  const known = error instanceof GatewayError ? error : new GatewayError('internal_error', { cause: error });
  if (known.code === 'internal_error') log.error('internal_error', { requestId, ...errorFacts(error) });
  send(response, { requestId, rendered: renderHttpError(known, { path, now: clock.now() }) });
}

/** Native paths speak the Codex client's dialect; the admin paths ours, with the field at fault. */
export function renderHttpError(error: GatewayError, { path, now }: { path: string; now: Date }): RenderedError {
  if (isPublicPath(path)) return renderOpenAiError(error, now);
  if (path.startsWith('/admin/')) {
    const { code, sentence, param, retryAfterMs } = error;
    return {
      status: error.row.status,
      headers: retryAfterMs === undefined ? {} : { 'retry-after': secondsOf(retryAfterMs) },
      body: { error: { code, message: sentence, ...(param ? { field: param } : {}) } },
    };
  }
  if (error.code === 'not_found') return { status: 404, headers: {}, body: { detail: 'Not Found' } };
  return renderCodexError(error);
}

/** Its status and body as they came: the client understands its provider best (wire spec A8). */
function sendProviderRefusal({ fault }: RefusedByProvider, { call }: { call: FailedCall }): void {
  if (!fault.answer) return;
  const { status, headers, body } = fault.answer;
  const passed = ['content-type', 'retry-after', 'x-codex-rate-limit-reached-type'].flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  call.response.writeHead(status, {
    ...waitOf(fault),
    ...Object.fromEntries(passed),
    'x-request-id': call.requestId,
    'content-length': body.length,
  });
  call.response.end(body);
}

/** A speed limit without this header ends a Codex client's task for good (wire spec A8.1), so the wait is put into it. */
function waitOf({ kind, retryAfterMs }: Fault): Record<string, string> {
  if (kind !== 'rate_limited') return {};
  const seconds = Math.ceil(Math.min(retryAfterMs ?? defaultCoolDownMs, longestWaitMs) / 1000);
  return { 'retry-after': String(Math.max(seconds, 1)) };
}

/** A client obeys to the second, and an account may come back any time. */
const longestWaitMs = 60_000;

function send(response: ServerResponse, { requestId, rendered }: { requestId: string; rendered: RenderedError }): void {
  const body = JSON.stringify(rendered.body);
  response.writeHead(rendered.status, {
    ...rendered.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    'cache-control': 'no-store',
  });
  response.end(body);
}
