import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from './behaviours/registry.ts';
import { eventsOf, openBench, typesOf, userMessage, type Bench } from './client-for-tests.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

async function eventsFor(answer: Answer, changes: Record<string, unknown> = {}) {
  bench.account.answers(answer);
  return eventsOf(await (await bench.ask(changes)).text());
}
const itemsIn = (events: readonly Record<string, unknown>[]) =>
  events.filter((event) => event['type'] === 'response.output_item.done').map((event) => event['item']);

describe('normal answers', () => {
  it('N2 sends the two events a client needs', async () => {
    expect(typesOf(await eventsFor({ behaviour: 'N2' }))).toEqual(['response.output_item.done', 'response.completed']);
  });

  it('N3 numbers its events and brings reasoning that may come back', async () => {
    const events = await eventsFor({ behaviour: 'N3', deltas: 20 });
    expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
    expect(typesOf(events).filter((type) => type === 'response.output_text.delta')).toHaveLength(20);
    expect(events.at(-1)).toMatchObject({ response: { service_tier: 'default', usage: { total_tokens: 12_060 } } });
    const [reasoning] = itemsIn(events) as [Record<string, unknown>];
    expect(reasoning).toMatchObject({ type: 'reasoning', encrypted_content: expect.stringMatching(/^gAAAA/) });
    expect((await bench.ask({ input: [reasoning, userMessage('on')] })).status).toBe(200);
    const renamed = { ...reasoning, id: 'rs_other' };
    expect((await bench.ask({ input: [renamed, userMessage('on')] })).status).toBe(400);
  });

  it.each<[Answer, unknown[]]>([
    [{ behaviour: 'N5' }, [{ type: 'custom_tool_call', name: 'apply_patch' }]],
    [{ behaviour: 'N5', kind: 'exec' }, [{ type: 'custom_tool_call', namespace: 'functions', name: 'exec' }]],
    [{ behaviour: 'N5', kind: 'parallel' }, [{ type: 'function_call' }, { type: 'function_call' }]],
    [{ behaviour: 'N5', kind: 'namespace' }, [{ type: 'function_call', namespace: 'image_gen' }]],
    [{ behaviour: 'N6' }, [{ type: 'web_search_call', status: 'completed' }, { type: 'message' }]],
    [{ behaviour: 'N6', kind: 'image_generation_call' }, [{ type: 'image_generation_call' }, { type: 'message' }]],
    [{ behaviour: 'N7' }, [{ type: 'compaction' }]],
  ])('%j brings its items', async (answer, items) => {
    expect(itemsIn(await eventsFor(answer))).toMatchObject(items);
  });

  it.each<[Answer, object]>([
    [{ behaviour: 'N8' }, { response: { usage: { total_tokens: 0 } } }],
    [{ behaviour: 'N9' }, { response: { end_turn: false } }],
    [{ behaviour: 'N10' }, { response: { usage: null } }],
    [{ behaviour: 'N10', kind: 'empty_id' }, { response: { id: '' } }],
    [{ behaviour: 'N11' }, { response: { model: 'gpt-5.5-rerouted' } }],
    [{ behaviour: 'N14' }, { type: 'response.done' }],
  ])('%j ends as it says', async (answer, end) => {
    expect((await eventsFor(answer)).at(-1)).toMatchObject(end);
  });

  it('N10 leaves the usage out', async () => {
    const events = await eventsFor({ behaviour: 'N10', kind: 'usage_absent' });
    expect(events.at(-1)?.['response']).not.toHaveProperty('usage');
    expect(bench.account.counters).toMatchObject({ requests: 1, usedTokens: 0 });
  });

  it('N12 stays silent for as long as it says, by keepalive events or comments', async () => {
    const wait = async () => {
      for (let step = 0; step < 3; step += 1) {
        await bench.clock.untilWaiting();
        bench.clock.advance(10_000);
      }
    };
    bench.account.answers({ behaviour: 'N12', silenceMs: 30_000 });
    const [kept] = await Promise.all([bench.ask().then((answer) => answer.text()), wait()]);
    expect(typesOf(eventsOf(kept)).filter((type) => type === 'keepalive')).toHaveLength(3);
    bench.account.answers({ behaviour: 'N12', silenceMs: 30_000, silence: 'comment' });
    const [commented] = await Promise.all([bench.ask().then((answer) => answer.text()), wait()]);
    expect(commented.match(/: keep-alive\n\n/g)).toHaveLength(3);
  });

  it('N13 tells its metadata first', async () => {
    const events = await eventsFor({ behaviour: 'N13' });
    expect(typesOf(events).slice(0, 6)).toEqual([
      'codex.rate_limits',
      'response.metadata',
      'codex.response.metadata',
      'responsesapi.websocket_timing',
      'keepalive',
      'response.created',
    ]);
  });

  it('plays a recording byte by byte', async () => {
    const sse = 'data: {"type":"response.completed","response":{"id":"r1"}}\n\n';
    bench.account.answers({ behaviour: 'recording', sse, pieces: 7 });
    expect(await (await bench.ask()).text()).toBe(sse);
  });

  it('counts streams against the quota, and refusals not', async () => {
    const sandbox = bench.sandbox.account('full', { percentPerAnswer: 50 });
    const { accessToken } = sandbox.signIn();
    const ask = () => bench.ask({}, { authorization: `Bearer ${accessToken}`, 'chatgpt-account-id': sandbox.id });
    sandbox.fails(500);
    const statuses = [];
    for (let asked = 0; asked < 4; asked += 1) statuses.push((await ask()).status);
    expect(statuses).toEqual([500, 200, 200, 429]);
  });
});
