/** How a Pool has a model served is decided when a request comes, and stays so until its answer. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { accounts } from '../../server/contract/accounts.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import type { Linked } from '../support/household.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex } from '../support/raw-codex.ts';

/** A time nobody else waits for: a timer of it is a request in the line. */
const queueWaitMs = 607_907;
const model = 'gpt-5.5';

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let anna: Linked;

beforeAll(async () => {
  installation = await oneInstallation({ sandboxClock: providerClock });
  gateway = await installation.open({
    settings: { 'admission.proxy_stream.seats': 1, 'admission.proxy_stream.wait_ms': queueWaitMs },
  });
  key = await gateway.key();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
});
afterAll(() => installation.stop());

const ask = (text: string, asked: string = model) =>
  openCodex(gateway, key, { path: '/v1/responses', body: JSON.stringify({ model: asked, input: text, stream: true }) });

/** The calls that the provider got with this text, and whether each was in the lite form. */
function formsOf(text: string) {
  return installation.sandbox.requests
    .filter(({ path, body }) => path === '/backend-api/codex/responses' && body.toString().includes(text))
    .map((call) => ({
      account: call.account,
      isLite: call.header('x-openai-internal-codex-responses-lite') === 'true',
      body: call.body.toString(),
    }));
}

it.each([
  ['gpt-5.5', 'auto', false],
  ['gpt-5.5', 'lite', true],
  ['gpt-5.5', 'full', false],
  ['gpt-6.1-sol', 'auto', true],
  ['gpt-6.1-sol', 'lite', true],
  ['gpt-6.1-sol', 'full', false],
] as const)('a translated request for %s, served %s, goes out in the lite form: %s', async (asked, mode, isLite) => {
  const text = `asks ${asked} as ${mode}`;
  await gateway.call(routing.serve, { pool: 'default', model: asked, mode });
  expect((await ask(text, asked).answer).status).toBe(200);
  expect(formsOf(text).map((form) => form.isLite)).toEqual([isLite]);
  await gateway.call(routing.serve, { pool: 'default', model: asked, mode: 'auto' });
});

it('a request under way keeps it, also for the account that answers after another failed', async () => {
  anna.always({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
  const running = ask('holds the seat');
  await running.until((text) => text.includes('response.output_item.added'));
  const waits = ask('came before the change');
  await installation.clock.timersOf(queueWaitMs, 1);

  await gateway.call(routing.serve, { pool: 'default', model, mode: 'lite' });
  anna.forgetScript();
  for (const account of [anna, await gateway.link('ben', { percentPerAnswer: 0 })])
    account.answers({ behaviour: 'F4', kind: 'server_error' });
  providerClock.advance(1_000);
  await Promise.all([running.answer, waits.answer]);

  const before = formsOf('came before the change');
  expect(before.map(({ account }) => account).toSorted()).toEqual(['anna', 'ben']);
  expect(before.map(({ isLite }) => isLite)).toEqual([false, false]);
  expect(before[1]?.body).toBe(before[0]?.body);

  await gateway.call(accounts.remove, { account: 'ben' });
  expect((await ask('came after the change').answer).status).toBe(200);
  const after = formsOf('came after the change');
  expect(after.map(({ isLite }) => isLite)).toEqual([true]);
  expect(after[0]?.body).not.toBe(before[0]?.body);
});
