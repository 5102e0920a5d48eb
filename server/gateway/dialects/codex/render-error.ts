/** Errors as native Codex clients understand them (wire spec A8): status, `retry-after`, and the `error` object. */
import type { GatewayError } from '../../../contract/gateway-error.ts';
import type { RenderedError } from '../dialect.ts';
import { recoveryOf } from './render-recovery.ts';

/**
 * `plan_type: null` gives the client's only honest sentence for a pool; `resets_at` is the time it shows (wire spec
 * A8.2). Overload asks for no wait: without one the client tries five times and says that the model is at capacity, with
 * one it goes on for half a minute (measured with 0.169). A wait of the client's own is asked only where it is short: it obeys `retry-after` to the second.
 */
export function renderCodexError(error: GatewayError): RenderedError {
  const { row, code, param, resetsAt, retryAfterMs } = error;
  const exhaustion =
    code === 'usage_limit_reached'
      ? { plan_type: null, resets_at: resetsAt ? Math.ceil(resetsAt.getTime() / 1000) : null }
      : {};
  const asksToWait = retryAfterMs !== undefined && code !== 'server_is_overloaded';
  const recovery = recoveryOf(error);
  return {
    status: nativeStatusOf(error),
    headers: {
      ...(asksToWait && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
      ...recovery?.headers,
    },
    body: {
      error: {
        message: error.sentence,
        type: row.type,
        code,
        param: param ?? null,
        ...exhaustion,
        ...recovery?.fields,
      },
    },
  };
}

/** The status a native client gets for this error. */
export function nativeStatusOf({ row }: GatewayError): number {
  return row.nativeStatus ?? row.status;
}
