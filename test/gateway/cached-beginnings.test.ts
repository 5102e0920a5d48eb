/**
 * What the provider has cached of a conversation stays good: turn after turn the same account gets a body that begins
 * with the bytes of the turn before, whatever a key or a Pool has changed in it.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { askCodex, codexBody } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await gatewayUnderTest();
  // Answers use them up, so that the strategy would go elsewhere with every turn.
  for (const name of ['anna', 'ben', 'carla']) await gateway.link(name, { percentPerAnswer: 1 });
});
afterAll(() => gateway.stop());

const shortened = readFileSync(
  new URL('../../server/gateway/compression/golden/search-inline.before.txt', import.meta.url),
  'utf8',
);
const step = (nth: number) => [
  { type: 'message', role: 'user', content: [{ type: 'input_text', text: `turn ${nth}` }] },
  { type: 'function_call', call_id: `call-${nth}`, name: 'exec_command', arguments: `{"n":${nth}}` },
  { type: 'function_call_output', call_id: `call-${nth}`, output: shortened },
];

/** Each turn of a conversation as the provider got it. */
async function turnsOf(thread: string, key: string) {
  const from = gateway.sandbox.requests.length;
  const items: unknown[] = [];
  for (let nth = 1; nth <= 12; nth += 1) {
    const answer = await askCodex(gateway, key, { thread, body: codexBody({ thread, items }) });
    await answer.text();
    expect(answer.status).toBe(200);
    items.push(...step(nth));
  }
  return gateway.sandbox.requests.slice(from).filter(({ path }) => path === '/backend-api/codex/responses');
}

/** Everything up to the user's newest text, which stands last in the input. */
const beginningOf = (body: string) => body.slice(0, body.lastIndexOf('{"type":"message","id":"msg_1"'));

describe('the twelve turns of a conversation begin alike, at one account', () => {
  it.each([
    ['as they come', {}, {}],
    [
      'with a model and an effort that the key enforces',
      { enforcedModel: 'gpt-6-luna', effort: { rule: 'always', level: 'low' } },
      {},
    ],
    ['with tool outputs that the Pool has shortened', {}, { requestCompression: true }],
    [
      'with all of it',
      { enforcedModel: 'gpt-6-luna', effort: { rule: 'always', level: 'low' } },
      { requestCompression: true },
    ],
  ] as const)('%s', async (name, policy, switches) => {
    await gateway.call(routing.change, {
      pool: 'default',
      changes: { strategy: 'quota_first', requestCompression: false, ...switches },
    });
    const key = await gateway.key({ name, policy });
    const turns = await turnsOf(name, key);
    expect(turns).toHaveLength(12);
    expect(new Set(turns.map(({ account }) => account)).size).toBe(1);
    expect(new Set(turns.map((turn) => turn.header('session-id')))).toEqual(new Set([name]));
    const bodies = turns.map(({ body }) => body.toString());
    for (const [index, body] of bodies.entries()) {
      expect(JSON.parse(body)).toMatchObject({ prompt_cache_key: name });
      if (index > 0) expect(body.startsWith(beginningOf(bodies[index - 1]!))).toBe(true);
    }
    const changed = { ...policy, ...switches };
    expect(bodies.at(-1)!.includes('"model":"gpt-6-luna"')).toBe('enforcedModel' in changed);
    expect(bodies.at(-1)!.includes(JSON.stringify(shortened))).toBe(!('requestCompression' in changed));
  });
});
