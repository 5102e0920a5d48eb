/** What every inference call and handshake carries of the account it is made for (wire spec B12). */
import type { AccountFacts, Credential } from '../accounts/account.ts';

export function accountHeaders({
  account,
  credential,
}: {
  account: AccountFacts;
  credential: Credential;
}): [name: string, value: string][] {
  const headers: [string, string][] = [
    ['authorization', `Bearer ${credential.accessToken}`],
    ['chatgpt-account-id', account.chatgptAccountId],
  ];
  if (account.residency !== null) headers.push(['x-openai-internal-codex-residency', account.residency]);
  if (account.isFedramp) headers.push(['x-openai-fedramp', 'true']);
  if (account.routingOverride !== null) headers.push(['x-openai-account-routing-override', account.routingOverride]);
  return headers;
}
