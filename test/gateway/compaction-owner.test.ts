import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askCodex, eventsOf, typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let owner: string;
let other: string;
let compaction: Record<string, unknown>;

/** A compaction made by one of two accounts; everything below asks to go on from it. */
beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open();
  for (const name of ['anna', 'ben']) await gateway.link(name, { percentPerAnswer: 0 });
  key = await gateway.key();
  const arrived = installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
  const trigger = JSON.stringify({
    model: 'gpt-5.5',
    stream: true,
    store: false,
    tools: [],
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a long story' }] },
      { type: 'compaction_trigger' },
    ],
  });
  const answer = await (await askCodex(gateway, key, { thread: 'long', body: trigger })).text();
  const done = eventsOf(answer).find(({ type }) => type === 'response.output_item.done');
  compaction = done?.['item'] as Record<string, unknown>;
  if (typeof compaction?.['encrypted_content'] !== 'string') throw new Error('the provider made no compaction');
  owner = (await arrived).account ?? '';
  other = owner === 'anna' ? 'ben' : 'anna';
});
afterAll(() => installation.stop());

/** Another conversation that carries the compaction, so that nothing but the item can lead it. */
const goOn = (through = gateway, thread = `other-${Math.random()}`) =>
  askCodex(through, key, { thread, items: [compaction] });

const seenBy = (name: string) =>
  installation.sandbox.requests.filter(
    ({ account, body }) => account === name && body.includes(String(compaction['encrypted_content'])),
  ).length;

describe('a conversation with compacted history', () => {
  it('goes to the account that made it, whatever its thread prefers', async () => {
    for (let round = 0; round < 10; round += 1)
      expect(typesOf(await (await goOn()).text()).at(-1)).toBe('response.completed');
    expect([seenBy(owner), seenBy(other)]).toEqual([10, 0]);
  });

  it('goes there after a restart as well', async () => {
    const next = await installation.open();
    await (await goOn(next)).text();
    expect([seenBy(owner), seenBy(other)]).toEqual([11, 0]);
    await next.stop();
  });

  it('fails with its account and never moves, when that breaks', async () => {
    installation.sandbox.account(owner).answers({ behaviour: 'F4', kind: 'server_error' });
    const answer = await goOn();
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(seenBy(other)).toBe(0);
  });

  it('waits for the limit of its account, and says until when', async () => {
    installation.sandbox.account(owner).fails(429, { resetsInSeconds: 600 });
    await (await goOn()).text();
    const answer = await goOn();
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({
      error: { type: 'usage_limit_reached', resets_at: expect.any(Number) as number },
    });
    expect(seenBy(other)).toBe(0);
    expect(typesOf(await (await askCodex(gateway, key, { thread: 'free' })).text()).at(-1)).toBe('response.completed');
    installation.clock.advance(601_000);
    expect((await goOn()).status).toBe(200);
  });

  it('says in words that its account must be signed in again', async () => {
    installation.sandbox.account(owner).answers({ behaviour: 'F2', kind: 'deactivated_workspace' });
    await (await goOn()).text();
    await gateway.logged('account_closed');
    const answer = await goOn();
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      error: { code: expect.stringMatching(/^pinned_continuation_/) as string },
    });
    expect(seenBy(other)).toBe(0);
  });
});
