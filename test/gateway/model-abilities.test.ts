import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askCodex, codexBody } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let key: string;

const plain = { service_tiers: [], additional_speed_tiers: [], input_modalities: ['text'] };

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  await gateway.link('plain', { models: [{ slug: 'gpt-5.5', fields: plain }] });
  await gateway.link('able', { models: ['gpt-5.5'] });
  key = await gateway.key();
});
afterAll(() => gateway.stop());

const image = {
  type: 'message',
  role: 'user',
  content: [{ type: 'input_image', image_url: 'data:image/png;base64,AA' }],
};
const withTier = (thread: string, tier: string) =>
  JSON.stringify({ ...(JSON.parse(codexBody({ thread })) as object), service_tier: tier });

async function servedBy(ask: Parameters<typeof askCodex>[2]): Promise<string | null> {
  const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
  await (await askCodex(gateway, key, ask)).text();
  return (await arrived).account ?? null;
}

async function accountsOf(threads: number, ask: (thread: string) => Parameters<typeof askCodex>[2]) {
  const served = new Set<string | null>();
  for (let thread = 0; thread < threads; thread += 1) served.add(await servedBy(ask(`abilities-${thread}`)));
  return [...served].toSorted();
}

describe("what a request needs is looked up in each account's own list", () => {
  it('a tier asked for by name goes only to accounts that list it', async () => {
    expect(
      await accountsOf(6, (thread) => ({ thread: `t-${thread}`, body: withTier(`t-${thread}`, 'priority') })),
    ).toEqual(['able']);
  });

  it('the usual tier, by whatever name, goes to all of them', async () => {
    const tiers = ['auto', 'default'];
    const ask = (thread: string) => {
      const name = `d-${thread}`;
      return { thread: name, body: withTier(name, tiers[Number(thread.at(-1)) % 2]!) };
    };
    expect(await accountsOf(10, ask)).toEqual(['able', 'plain']);
  });

  it('images go only to accounts whose model takes them', async () => {
    expect(await accountsOf(6, (thread) => ({ thread: `i-${thread}`, items: [image] }))).toEqual(['able']);
  });

  it('a conversation does not stay with an account that cannot take its image', async () => {
    let thread = 'loyal-0';
    for (let index = 0; (await servedBy({ thread })) !== 'plain'; index += 1) thread = `loyal-${index + 1}`;
    expect(await servedBy({ thread, items: [image] })).toBe('able');
  });

  it('a request that nobody can serve is refused once and for all, with the reason', async () => {
    const answer = await askCodex(gateway, key, { body: withTier('nobody', 'scale') });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: {
        code: 'no_compatible_backend',
        message: expect.stringContaining('2 accounts: 2 do not offer the service tier for the model') as string,
      },
    });
  });
});
