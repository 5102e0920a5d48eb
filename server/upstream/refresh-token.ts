/** The call that turns a refresh token into new tokens (wire spec B4). */
import { readRetryAfterMs } from '../accounts/read-retry-after.ts';
import type { AskForTokens, RefreshReason } from '../accounts/refresh-outcome.ts';
import { parseJson } from '../lib/json-values.ts';
import { readWhole } from '../world/read-whole.ts';
import { NetworkFault, type Clock, type Network } from '../world/world.ts';
import { ownIdentityHeaders } from './own-identity.ts';
import { outcomeOfAnswer, outcomeOfFault } from './refresh-outcomes.ts';

/** Public client id of the Codex sign-in; refresh tokens are bound to it (wire spec B2). */
const codexClientId = 'app_EMoamEEZ73f0CkXaXp7hrann';

/** Peers wait 8–30 s (wire spec B4). Long, because giving up early leaves a token that may be spent. */
const refreshLimitMs = 30_000;

const maxAnswerBytes = 256 * 1024;

/** The provider knows two reasons; a refresh by hand is one before it was needed. */
const wireReasons: Record<RefreshReason, string> = {
  unauthorized_recovery: 'unauthorized_recovery',
  proactive_expiry: 'proactive_expiry',
  manual: 'proactive_expiry',
};

/**
 * @param options.authUrl origin of the provider's sign-in host, without trailing slash
 * @example const askForTokens = createTokenRefresher({ network, clock, authUrl: 'https://auth.openai.com', version });
 */
export function createTokenRefresher({
  network,
  clock,
  authUrl,
  version,
}: {
  network: Network;
  clock: Clock;
  authUrl: string;
  version: string;
}): AskForTokens {
  return async ({ refreshToken, reason }) => {
    const limit = new AbortController();
    const timer = clock.timer(refreshLimitMs, () => limit.abort());
    try {
      const answer = await network.call('auth', {
        method: 'POST',
        url: `${authUrl}/oauth/token`,
        headers: [['content-type', 'application/json'], ['accept', 'application/json'], ...ownIdentityHeaders(version)],
        body: JSON.stringify({
          client_id: codexClientId,
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          refresh_reason: wireReasons[reason],
        }),
        signal: limit.signal,
        headersMs: refreshLimitMs,
      });
      const reading = readWhole(answer, maxAnswerBytes);
      // A refusal counts by its status, even when its text breaks off.
      const bytes = await (answer.status < 300 ? reading : reading.catch(() => Buffer.alloc(0)));
      const body = parseJson(bytes);
      const header = answer.headers.get('retry-after');
      const retryAfterMs = readRetryAfterMs({ header, message: null, now: clock.now() });
      return outcomeOfAnswer({ status: answer.status, body, retryAfterMs });
    } catch (error) {
      // Whatever else happened after sending, the token's fate is unknown.
      return outcomeOfFault(error instanceof NetworkFault ? error.kind : 'reset');
    } finally {
      timer.stop();
    }
  };
}
