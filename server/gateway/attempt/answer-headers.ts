/** Which of the provider's answer headers reach a native client (wire spec C6). Pure, by a list of names. */

const namesPassed = new Set([
  'content-type',
  'openai-model',
  'openai-processing-ms',
  'x-reasoning-included',
  'x-codex-turn-state',
  'x-codex-safety-buffering-enabled',
  'x-codex-safety-buffering-faster-model',
]);

/** Limit headers all come from the one account that served: halves of two accounts are never mixed (wire spec A10). */
const limitHeader =
  /^x-codex-(?:[a-z0-9-]+-)?(?:primary|secondary|credits|active-limit|plan-type|limit-name|rate-limit-reached-type|promo-message)/;
const longestValue = 1024;

/**
 * @param options.poolEtag - The ETag under which this Pool's models are served. The provider's `x-models-etag` passes
 *   only when it is the same: another one would make the client fetch the list after every turn (wire spec A9).
 */
export function answerHeaders(
  upstream: ReadonlyMap<string, string>,
  { requestId, poolEtag, isStream }: { requestId: string; poolEtag: string | null; isStream: boolean },
): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  for (const [name, value] of upstream) {
    if ((namesPassed.has(name) || limitHeader.test(name)) && value.length <= longestValue) headers[name] = value;
  }
  const upstreamId = upstreamRequestId(upstream);
  if (upstreamId) headers['x-oai-request-id'] = upstreamId;
  if (poolEtag !== null && upstream.get('x-models-etag') === poolEtag) headers['x-models-etag'] = poolEtag;
  if (isStream) Object.assign(headers, { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  return headers;
}

/** The provider's own id of the call, if it is a plain word. */
export function upstreamRequestId(headers: ReadonlyMap<string, string>): string | null {
  const id = headers.get('x-oai-request-id') ?? headers.get('x-request-id');
  return id !== undefined && /^[A-Za-z0-9_.:-]{1,128}$/.test(id) ? id : null;
}
