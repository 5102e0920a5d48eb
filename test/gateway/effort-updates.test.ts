/**
 * Efforts that change within a conversation: Codex leaves `reasoning.effort` as it was, so that the provider's prompt
 * cache keeps serving, and puts an item into the input. A key's policy means these as well.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyPolicy } from '../../server/contract/key-policy.ts';
import { askPublic } from '../support/ask-public.ts';
import { askCodex, codexBody } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { publicPath, publicTurn } from '../support/public-turns.ts';
import { openSocket } from '../support/socket-client.ts';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await gatewayUnderTest({ settings: { 'gateway.upstream_websockets_enabled': false } });
  await gateway.link('anna', { percentPerAnswer: 0 });
});
afterAll(() => gateway.stop());

/** What the provider was asked. */
const asks = () =>
  gateway.sandbox.requests.filter(({ path, method }) => path.endsWith('/responses') && method === 'POST');
const update = (effort: unknown) => ({ type: 'configuration_update', reasoning: { effort } });
const hello = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'say hello' }] };

interface Told {
  readonly isAnswered: boolean;
  /** Code and field of the refusal, when it is one. */
  readonly refusal: unknown;
}
const toldBy = (status: number, text: string): Told => {
  const error = status === 200 ? null : (JSON.parse(text) as { error: { code: string; param: string } }).error;
  return { isAnswered: status === 200, refusal: error && [error.code, error.param] };
};
const toldIn = (frame: Readonly<Record<string, unknown>> | undefined): Told => {
  const error = frame?.['error'] as { code: string; param: string } | undefined;
  return { isAnswered: frame?.['type'] === 'response.completed', refusal: error && [error.code, error.param] };
};

/** Each way to ask with these items before the words of the user. */
const ways = {
  async 'native HTTP'(key: string, items: readonly unknown[]) {
    const answer = await askCodex(gateway, key, { items });
    return toldBy(answer.status, await answer.text());
  },
  async 'a native websocket'(key: string, items: readonly unknown[]) {
    const client = await openSocket(gateway, key);
    client.turn({ items });
    const frames = await client.answer();
    client.leave();
    return toldIn(frames.at(-1));
  },
  async '/v1'(key: string, items: readonly unknown[]) {
    const body = { model: 'gpt-5.5', reasoning: { effort: 'medium' }, input: [...items, hello] };
    const answer = await askPublic(gateway, { path: publicPath, key, body });
    return toldBy(answer.status, answer.text);
  },
  async 'a websocket of /v1'(key: string, items: readonly unknown[]) {
    const client = await openSocket(gateway, key, { path: publicPath });
    const frames = await publicTurn(client, { reasoning: { effort: 'medium' }, input: [...items, hello] });
    client.leave();
    return toldIn(frames.at(-1));
  },
};

describe.each(Object.entries(ways))('over %s', (name, ask) => {
  const keyFor = (effort: KeyPolicy['effort']) =>
    gateway.key({ name: `${name} ${effort?.rule} ${effort?.level} ${asks().length}`, policy: { effort } });

  it('an effort that changes to one above the highest is refused, and nobody is asked', async () => {
    const before = asks().length;
    const told = await ask(await keyFor({ rule: 'at_most', level: 'medium' }), [update('high')]);
    expect(told).toEqual({ isAnswered: false, refusal: ['reasoning_effort_not_allowed', 'reasoning.effort'] });
    expect(asks()).toHaveLength(before);
  });

  it('one that came down again below the highest goes on, as it was written', async () => {
    const items = [update('high'), update('low')];
    const told = await ask(await keyFor({ rule: 'at_most', level: 'medium' }), items);
    expect(told.isAnswered).toBe(true);
    expect(asks().at(-1)?.body.toString()).toContain(JSON.stringify(items).slice(1, -1));
  });

  it('an effort that is always used stands in every change, so that the beginning stays the same', async () => {
    const told = await ask(await keyFor({ rule: 'always', level: 'low' }), [update('high'), update('medium')]);
    expect(told.isAnswered).toBe(true);
    const body = asks().at(-1)!.json();
    expect(body['input']).toEqual(expect.arrayContaining([update('low'), update('low')]));
    expect(JSON.stringify(body)).not.toMatch(/"effort":"(?!low)/);
  });
});

describe('the body of a request with a changed effort', () => {
  it('is written over there and in the field, and every other byte stays', async () => {
    const key = await gateway.key({ name: 'low', policy: { effort: { rule: 'always', level: 'low' } } });
    const body = codexBody({ items: [update('high')] }).replace('{"type":"conf', '{ "x" : 1.0e0, "type":"conf');
    await (await askCodex(gateway, key, { body })).text();
    expect(asks().at(-1)?.body.toString()).toBe(body.replace('"high"', '"low"').replace('"medium"', '"low"'));
  });

  it('stays as it is where the field is filled in only because it was missing', async () => {
    const key = await gateway.key({ name: 'at most low', policy: { effort: { rule: 'at_most', level: 'low' } } });
    const body = codexBody({ items: [update('none'), update('low')] }).replace('"reasoning":{"effort":"medium"},', '');
    await (await askCodex(gateway, key, { body })).text();
    expect(asks().at(-1)?.body.toString()).toBe(`${body.slice(0, -1)},"reasoning":{"effort":"low"}}`);
  });

  it('is not looked at with a key that may use any effort', async () => {
    const body = codexBody({ items: [update('high'), update(7)] });
    await (await askCodex(gateway, await gateway.key({ name: 'any' }), { body })).text();
    expect(asks().at(-1)?.body.toString()).toBe(body);
  });
});
