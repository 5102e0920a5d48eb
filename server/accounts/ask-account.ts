/** Asks the provider something about one account, with a token that works. */
import { GatewayError } from '../contract/gateway-error.ts';
import type { StoredAccountFacts } from './account.ts';
import type { TokenKeeper } from './token-keeper.ts';

/** What a question to the provider brought: the answer's status, and what was found in it. */
export interface Found<T> {
  readonly status: number;
  readonly found: T | null;
}

export interface ReadingAsk {
  readonly account: StoredAccountFacts;
  readonly accessToken: string;
}

export type AskAccount = <T>(
  account: ReadingAsk['account'],
  question: (ask: ReadingAsk) => Promise<Found<T>>,
) => Promise<Found<T>>;

/**
 * Asks with the current credential, and once more with a new one when the provider answers 401 (wire spec B9).
 *
 * @example const ask = createAskAccount(keeper); const answer = await ask(account, (about) => questions.usage(about));
 */
export function createAskAccount(keeper: Pick<TokenKeeper, 'credential' | 'renew'>): AskAccount {
  return async (account, question) => {
    const { accessToken, epoch } = await keeper.credential(account.id);
    const first = await question({ account, accessToken });
    if (first.status !== 401) return first;
    const renewed = await keeper.renew({ accountId: account.id, seenEpoch: epoch, reason: 'unauthorized_recovery' });
    if (renewed.kind === 'signed_out') throw new GatewayError('account_signed_out');
    return 'credential' in renewed ? question({ account, accessToken: renewed.credential.accessToken }) : first;
  };
}
