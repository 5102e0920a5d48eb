/** The usual household of a situation: two accounts whose limits do not move, and a key for both. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { askCodex, type CodexAsk } from './codex-request.ts';
import type { GatewayUnderTest } from './gateway-under-test.ts';
import { oneInstallation, type Installation } from './one-installation.ts';
import { threadOf } from './thread-of.ts';

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

type Ask = CodexAsk & { readonly through?: GatewayUnderTest; readonly key?: string };

interface Home extends Household {
  readonly installation: Installation;
  readonly gateway: GatewayUnderTest;
}

export interface House extends Home {
  /** With the household's key, through its gateway, unless the call says otherwise. */
  readonly ask: (ask?: Ask) => ReturnType<typeof askAndSee>;
  /** A thread of the household's that began at this account. */
  readonly threadAt: (account: string, through?: GatewayUnderTest) => Promise<string>;
}

/**
 * The household on an installation of its own, for all tests of the file that calls it. The functions may be taken out
 * at once; the rest is there as soon as a test runs, so read it from the object.
 *
 * @example
 * const house = householdForFile();
 * const { ask, threadAt } = house;
 */
export function householdForFile(): House {
  const house = {} as Home;
  beforeAll(async () => {
    const installation = await oneInstallation();
    const gateway = await installation.open();
    Object.assign(house, { installation, gateway }, await annaAndBen(gateway));
  });
  afterAll(() => house.installation.stop());
  beforeEach(() => {
    for (const account of [house.anna, house.ben]) account.forgetScript();
    // Whatever an account was left alone for in another test is over.
    house.installation.clock.advance(3_600_000);
  });
  return Object.assign(house, {
    ask: ({ through = house.gateway, ...ask }: Ask = {}) => askAndSee(through, { key: house.key, ...ask }),
    threadAt: (account: string, through = house.gateway) => threadOf(through, house.key, account),
  });
}
