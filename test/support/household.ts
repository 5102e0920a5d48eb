/** The usual household of a situation: two accounts whose limits do not move, and a key for both. */
import { askCodex, type CodexAsk } from './codex-request.ts';
import type { GatewayUnderTest } from './gateway-under-test.ts';

export type Linked = Awaited<ReturnType<GatewayUnderTest['link']>>;

export interface Household {
  readonly anna: Linked;
  readonly ben: Linked;
  readonly key: string;
}

export async function annaAndBen(gateway: Pick<GatewayUnderTest, 'link' | 'key'>): Promise<Household> {
  const anna = await gateway.link('anna', { percentPerAnswer: 0 });
  const ben = await gateway.link('ben', { percentPerAnswer: 0 });
  return { anna, ben, key: await gateway.key() };
}

/** Who served, what arrived there, and what came back. */
export async function askAndSee(through: GatewayUnderTest, { key, ...ask }: CodexAsk & { readonly key: string }) {
  const { requests } = through.sandbox;
  const from = requests.length;
  const answer = await askCodex(through, key, ask);
  const text = await answer.text();
  const arrived = requests
    .slice(from)
    .filter(({ path }) => path === '/backend-api/codex/responses')
    .map((request) => ({ account: request.account, turnState: request.header('x-codex-turn-state') }));
  return { answer, text, arrived, servedBy: arrived.at(-1)?.account };
}
