/** Errors as native Codex clients understand them (wire spec A8): status, `retry-after`, and the `error` object. */
import type { GatewayError } from '../../../contract/gateway-error.ts';
import type { RenderedError } from '../dialect.ts';
import { recoveryOf } from './render-recovery.ts';

/** What a client is asked to wait in silence for its own limit: what a minute's window can take. */
const longestWaitMs = 61_000;

/**
 * `plan_type: null` gives the client's only honest sentence for a pool; `resets_at` is the time it shows (wire spec
 * A8.2). A limit of the key is shown the same way where it takes long: of a plain 429 the client shows nothing, and a
 * wait it obeys in silence for however long. The promotion is where it shows a sentence of ours. A short wait is
 * obeyed to the second (0.169; 0.125 ends the turn with the status alone); of an overload, with a second to wait, the client asks again for half a minute (measured with 0.169).
 */
export function renderCodexError(error: GatewayError): RenderedError {
  const { row, code, param, resetsAt, retryAfterMs, limit } = error;
  const isLongLimit = limit !== undefined && (retryAfterMs === undefined || retryAfterMs > longestWaitMs);
  const exhaustion =
    code === 'usage_limit_reached' || isLongLimit
      ? { plan_type: null, resets_at: resetsAt ? Math.ceil(resetsAt.getTime() / 1000) : null }
      : {};
  const type = isLongLimit ? 'usage_limit_reached' : row.type;
  const recovery = recoveryOf(error);
  return {
    status: nativeStatusOf(error),
    headers: {
      ...(retryAfterMs !== undefined && { 'retry-after': secondsOf(retryAfterMs) }),
      ...(isLongLimit && { 'x-codex-promo-message': inHeader(error.sentence) }),
      ...recovery?.headers,
    },
    body: {
      error: {
        message: error.sentence,
        type,
        code,
        param: param ?? null,
        ...exhaustion,
        ...recovery?.fields,
        ...(limit && { limit }),
      },
    },
  };
}

/** A wait as `retry-after` says it. */
export function secondsOf(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

/** A header holds no other characters; and the client goes on in its own words after a comma. */
function inHeader(sentence: string): string {
  return sentence.replaceAll(/[^ -~]/g, '?').replace(/\.$/, '');
}

/** The status a native client gets for this error. */
export function nativeStatusOf({ row }: GatewayError): number {
  return row.nativeStatus ?? row.status;
}
