/** The only place that knows the provider's inference addresses and headers. */
import type { AccountFacts, Credential } from '../accounts/account.ts';
import type { HttpAnswer, Network } from '../world/world.ts';

export interface CodexCall {
  readonly account: AccountFacts;
  readonly credential: Credential;
  readonly root: '/backend-api' | '/backend-api/codex';
  /** Path below the root. */
  readonly path: string;
  readonly body: Buffer;
  readonly identityHeaders: readonly (readonly [name: string, value: string])[];
  /** Only when this account issued it. */
  readonly turnState: string | null;
  readonly signal: AbortSignal;
  readonly headersMs: number;
}

export interface CodexClient {
  /** @throws {NetworkFault} when no answer came. */
  call(call: CodexCall): Promise<HttpAnswer>;
}

/** @param options.origin - The provider's origin for accounts that name none of their own, e.g. `https://chatgpt.com`. */
export function createCodexClient({ network, origin }: { network: Network; origin: string }): CodexClient {
  return {
    call(call) {
      return network.call('inference', {
        method: 'POST',
        url: `${call.account.backendOrigin ?? origin}${call.root}${call.path}`,
        headers: codexHeaders(call),
        body: call.body,
        signal: call.signal,
        headersMs: call.headersMs,
      });
    },
  };
}

/**
 * The client's own identity first, then what belongs to the account (wire spec B12). The body is the decoded one, so no
 * content encoding is named.
 */
export function codexHeaders({
  account,
  credential,
  identityHeaders,
  turnState,
}: Omit<CodexCall, 'signal' | 'headersMs'>): [string, string][] {
  const headers: [string, string][] = identityHeaders.map(([name, value]) => [name, value]);
  const has = (name: string) => headers.some(([each]) => each === name);
  if (!has('content-type')) headers.push(['content-type', 'application/json']);
  if (turnState !== null) headers.push(['x-codex-turn-state', turnState]);
  headers.push(['authorization', `Bearer ${credential.accessToken}`], ['chatgpt-account-id', account.chatgptAccountId]);
  if (account.residency !== null) headers.push(['x-openai-internal-codex-residency', account.residency]);
  if (account.isFedramp) headers.push(['x-openai-fedramp', 'true']);
  if (account.routingOverride !== null) headers.push(['x-openai-account-routing-override', account.routingOverride]);
  return headers;
}
