/** The only place that knows the provider's inference addresses and headers. */
import type { AccountFacts, Credential } from '../accounts/account.ts';
import type { HttpAnswer, Network } from '../world/world.ts';
import { accountHeaders } from './account-headers.ts';
import type { CodexSockets } from './codex-sockets.ts';

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
  /** Whose socket may serve the call; null sends it over HTTP. */
  readonly socketOwner: string | null;
  readonly signal: AbortSignal;
  readonly headersMs: number;
}

export interface CodexAnswer extends HttpAnswer {
  /** It was made on a socket that is kept, so a next turn of the same owner may go on from it. */
  readonly isContinuable: boolean;
}

export interface CodexClient {
  /** @throws {NetworkFault} when no answer came. */
  call(call: CodexCall): Promise<CodexAnswer>;
}

/** @param options.origin - The provider's origin for accounts that name none of their own, e.g. `https://chatgpt.com`. */
export function createCodexClient({
  network,
  sockets,
  origin,
}: {
  network: Pick<Network, 'call'>;
  sockets: Pick<CodexSockets, 'call'>;
  origin: string;
}): CodexClient {
  return {
    async call(call) {
      const url = `${call.account.backendOrigin ?? origin}${call.root}${call.path}`;
      const { socketOwner: owner } = call;
      const onSocket = owner === null ? null : await sockets.call({ ...call, owner, url });
      if (onSocket) return { ...onSocket, isContinuable: true };
      const answer = await network.call('inference', {
        method: 'POST',
        url,
        headers: codexHeaders(call),
        body: call.body,
        signal: call.signal,
        headersMs: call.headersMs,
      });
      return { ...answer, isContinuable: false };
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
}: Pick<CodexCall, 'account' | 'credential' | 'identityHeaders' | 'turnState'>): [string, string][] {
  const headers: [string, string][] = identityHeaders.map(([name, value]) => [name, value]);
  const has = (name: string) => headers.some(([each]) => each === name);
  if (!has('content-type')) headers.push(['content-type', 'application/json']);
  if (turnState !== null) headers.push(['x-codex-turn-state', turnState]);
  headers.push(...accountHeaders({ account, credential }));
  return headers;
}
