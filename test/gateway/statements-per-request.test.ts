/** What a request costs the database: counted on the wire, with everything that goes on beside it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../server/contract/limits.ts';
import { askCodex } from '../support/codex-request.ts';
import { countedLink, type CountedLink } from '../support/counted-link.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { threadOf } from '../support/thread-of.ts';

let installation: Installation;
let link: CountedLink;
let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;
let settled = 0;

beforeAll(async () => {
  installation = await oneInstallation();
  link = await countedLink(installation.database.url);
  gateway = await installation.open({ env: { DATABASE_URL: link.url } });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  await gateway.link('ben', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(async () => {
  await installation.stop();
  await link.stop();
});

/** Statements per request, over so many of a kind that come one after the other: nothing can be shared. */
async function perRequest(count: number, ask: (n: number) => Promise<unknown>): Promise<number> {
  const isSettled = ({ event }: { event: string }) => event === 'exchange_settled';
  settled = gateway.log.filter(isSettled).length;
  const before = link.statements;
  for (let n = 1; n <= count; n += 1) {
    await ask(n);
    await gateway.settled(settled + n);
  }
  return (link.statements - before) / count;
}

const answered = async (thread: string) => void (await (await askCodex(gateway, key, { thread })).text());

describe('a request', () => {
  it('of a conversation that is known costs a reservation and a settlement', async () => {
    // Settled as well, or its settlement is shared with the next.
    await perRequest(1, () => answered('known'));
    const cost = await perRequest(40, () => answered('known'));
    expect(cost).toBeGreaterThanOrEqual(2);
    expect(cost).toBeLessThan(2.5);
  });

  it('of a key with limits costs no more, let in or refused', async () => {
    await gateway.call(limits.set, { key: 'test', unit: 'requests', window: 'day', model: null, maximum: 1_000 });
    await gateway.call(limits.set, { key: 'test', unit: 'concurrency', window: 'now', model: null, maximum: 5 });
    await answered('limited');
    expect(await perRequest(20, () => answered('limited'))).toBeLessThan(2.5);
    await gateway.call(limits.set, { key: 'test', unit: 'requests', window: 'day', model: null, maximum: 0 });
    expect(await perRequest(20, () => answered('limited'))).toBeLessThan(2.5);
    await gateway.call(limits.remove, { key: 'test', unit: 'requests', window: 'day', model: null });
    await gateway.call(limits.remove, { key: 'test', unit: 'concurrency', window: 'now', model: null });
  });

  it('of a new conversation looks for it once as well', async () => {
    const cost = await perRequest(40, (n) => answered(`new-${n}`));
    expect(cost).toBeGreaterThanOrEqual(3);
    expect(cost).toBeLessThan(3.5);
  });

  it('that has to move costs its further attempt, and no more than four', async () => {
    const threads: string[] = [];
    for (let n = 0; n < 10; n += 1) threads.push(await threadOf(gateway, key, 'anna'));
    const cost = await perRequest(threads.length, (n) => {
      anna.answers({ behaviour: 'F5', kind: 'model_not_supported' });
      return answered(threads[n - 1]!);
    });
    expect(cost).toBeLessThanOrEqual(4);
  });
});
