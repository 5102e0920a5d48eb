/** Small calls about one account to the provider's backend: usage, workspace, model list. */
import type { AccountFacts } from '../accounts/account.ts';
import { readWhole } from '../world/read-whole.ts';
import { type Clock, type HttpAnswer, type Network } from '../world/world.ts';
import { ownIdentityHeaders } from './own-identity.ts';

/** Usage and workspace calls get 10 s, as peers give them (wire spec B9, B16). */
const accountCallMs = 10_000;

export interface AccountAsk {
  readonly account: Pick<
    AccountFacts,
    'chatgptAccountId' | 'residency' | 'isFedramp' | 'routingOverride' | 'backendOrigin'
  >;
  readonly accessToken: string;
  /** Path and query below the origin, e.g. `/backend-api/wham/usage`. */
  readonly path: string;
  /** Ask the workspace's own origin where it has one (wire spec B8). */
  readonly atWorkspaceOrigin?: boolean;
  readonly maxBytes: number;
  /** Sent as the body of a POST; a GET without it. */
  readonly json?: Readonly<Record<string, string>>;
  /** For calls that may take longer than a look. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer, whatever its status. */
export interface AccountAnswer {
  readonly status: number;
  readonly headers: HttpAnswer['headers'];
  readonly body: Buffer;
}

/**
 * Asks the backend for one account.
 *
 * @throws NetworkFault when no whole answer came in time, AnswerTooLarge when it is too long
 */
export type AskBackend = (ask: AccountAsk) => Promise<AccountAnswer>;

/** @param options.upstreamUrl origin of the provider's backend, without trailing slash */
export function createAccountCalls({
  network,
  clock,
  upstreamUrl,
  version,
}: {
  network: Network;
  clock: Clock;
  upstreamUrl: string;
  version: string;
}): AskBackend {
  return async (ask) => {
    const { account, accessToken, path, atWorkspaceOrigin = false, maxBytes, json, signal } = ask;
    const limitMs = ask.limitMs ?? accountCallMs;
    const limit = new AbortController();
    const timer = clock.timer(limitMs, () => limit.abort());
    const origin = (atWorkspaceOrigin ? account.backendOrigin : null) ?? upstreamUrl;
    try {
      const answer = await network.call('account', {
        method: json ? 'POST' : 'GET',
        url: `${origin}${path}`,
        headers: [
          ['authorization', `Bearer ${accessToken}`],
          ['chatgpt-account-id', account.chatgptAccountId],
          ['accept', 'application/json'],
          ...(json ? [['content-type', 'application/json'] as const] : []),
          ...ownIdentityHeaders(version),
          ...workspaceHeaders(account),
        ],
        signal: signal ? AbortSignal.any([signal, limit.signal]) : limit.signal,
        headersMs: limitMs,
        ...(json && { body: Buffer.from(JSON.stringify(json)) }),
      });
      return { status: answer.status, headers: answer.headers, body: await readWhole(answer, maxBytes) };
    } finally {
      timer.stop();
    }
  };
}

/** What a workspace with constraints must carry on every call (wire spec B12). */
function workspaceHeaders(
  account: Pick<AccountFacts, 'residency' | 'isFedramp' | 'routingOverride'>,
): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  if (account.residency !== null) headers.push(['x-openai-internal-codex-residency', account.residency]);
  if (account.isFedramp) headers.push(['x-openai-fedramp', 'true']);
  if (account.routingOverride !== null) headers.push(['x-openai-account-routing-override', account.routingOverride]);
  return headers;
}
