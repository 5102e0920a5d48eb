/** Errors as native Codex clients understand them (wire spec A8): status, `retry-after`, and the `error` object. */
import type { GatewayError } from '../../../contract/gateway-error.ts';
import type { RenderedError } from '../dialect.ts';

/**
 * `plan_type: null` gives the client's only honest sentence for a pool; `resets_at` is the time it shows (wire spec
 * A8.2). A wait of the client's own is asked only where it is short: it obeys `retry-after` to the second.
 */
export function renderCodexError(error: GatewayError): RenderedError {
  const { row, code, param, resetsAt, retryAfterMs } = error;
  const exhaustion =
    code === 'usage_limit_reached'
      ? { plan_type: null, resets_at: resetsAt ? Math.ceil(resetsAt.getTime() / 1000) : null }
      : {};
  return {
    status: row.nativeStatus ?? row.status,
    headers: retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
    body: { error: { message: error.sentence, type: row.type, code, param: param ?? null, ...exhaustion } },
  };
}
