import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  askBody,
  credentialsOf,
  eventsOf,
  liteBody,
  openBench,
  responses,
  typesOf,
  userMessage,
  type Bench,
} from './client-for-tests.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

const eventsFrom = async (answer: Promise<Response>) => eventsOf(await (await answer).text());

describe('a normal answer', () => {
  it('streams text and counts the tokens it reported', async () => {
    const answer = await bench.ask();
    const events = eventsOf(await answer.text());
    expect(answer.headers.get('x-codex-primary-window-minutes')).toBe('300');
    expect(answer.headers.get('x-codex-turn-state')).toMatch(/^ts\./);
    expect(typesOf(events)).toEqual([
      'response.created',
      'response.output_item.added',
      'response.output_text.delta',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events.at(-1)).toMatchObject({ response: { usage: { total_tokens: 107 } } });
    expect(bench.account.counters).toMatchObject({ requests: 1, usedTokens: 107, openStreams: 0 });
  });

  it('follows the script in order and returns to the default', async () => {
    bench.account.answers('one').thenFails(429, { retryAfter: 3, kind: 'rate_limit_exceeded' }).thenFails(502);
    expect(await (await bench.ask()).text()).toContain('"delta":"one"');
    const limited = await bench.ask();
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await bench.ask()).status).toBe(502);
    expect(await (await bench.ask()).text()).toContain('Hello from the sandbox.');
  });

  it('keeps scripted answers for the request they are meant for', async () => {
    bench.account.answers({ behaviour: 'N1', text: 'for luna', when: { model: 'gpt-5.6-luna' } });
    expect(await (await bench.ask()).text()).toContain('Hello from the sandbox.');
    expect(await (await bench.ask({ model: 'gpt-5.6-luna' })).text()).toContain('for luna');
  });

  it('reports configured tokens, cache writes included', async () => {
    const usage = { inputTokens: 50, cachedTokens: 20, cacheWriteTokens: 11, outputTokens: 9, reasoningTokens: 4 };
    bench.account.answers({ behaviour: 'N1', usage });
    const events = await eventsFrom(bench.ask());
    expect(events.at(-1)).toMatchObject({
      response: {
        usage: {
          input_tokens: 50,
          input_tokens_details: { cached_tokens: 20, cache_write_tokens: 11 },
          output_tokens_details: { reasoning_tokens: 4 },
          total_tokens: 59,
        },
      },
    });
  });

  it('paces deltas by the clock that was passed in', async () => {
    bench.account.answers({ behaviour: 'N12', deltas: 3, everyMs: 60_000, bytes: 8 });
    const reader = (await bench.ask()).body!.getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (let delta = 0; delta < 3; delta += 1) {
      await bench.clock.untilWaiting();
      bench.clock.advance(60_000);
      while ((text.match(/output_text\.delta"/g) ?? []).length <= delta)
        text += decoder.decode((await reader.read()).value);
    }
    expect(text).toContain('"delta":"xxxxxxxx"');
    await reader.cancel();
  });
});

describe('tool loops', () => {
  it('asks the full dialect for a command and speaks once the output is there', async () => {
    const question = userMessage('please use-a-tool');
    const first = await eventsFrom(bench.ask({ input: [question] }));
    const call = first.find((event) => event['type'] === 'response.output_item.done')?.['item'] as Record<
      string,
      string
    >;
    expect(call).toMatchObject({ type: 'function_call', name: 'exec_command', arguments: '{"cmd":"echo sandbox"}' });
    const output = { type: 'function_call_output', call_id: call['call_id'], output: 'sandbox' };
    const second = await bench.ask({ input: [question, call, output] });
    expect(await second.text()).toContain('Hello from the sandbox.');
  });

  it('asks the lite dialect for a script', async () => {
    const lite = { 'x-openai-internal-codex-responses-lite': 'true' };
    const answer = await bench.post(responses, liteBody(userMessage('use-a-tool')), lite);
    expect(await answer.text()).toContain('"type":"custom_tool_call"');
  });

  it('answers a compaction trigger with a compaction item that only this account may bring back', async () => {
    const events = await eventsFrom(bench.ask({ input: [userMessage('hi'), { type: 'compaction_trigger' }] }));
    const item = events.find((event) => event['type'] === 'response.output_item.done')?.['item'];
    expect(item).toMatchObject({ type: 'compaction' });
    expect((await bench.ask({ input: [item, userMessage('go on')] })).status).toBe(200);
    const other = bench.sandbox.account('ben');
    const credentials = credentialsOf(other, other.signIn().accessToken);
    const foreign = await bench.ask({ input: [item, userMessage('go on')] }, credentials);
    expect(await foreign.text()).toContain('invalid_encrypted_content');
  });
});

describe('strict refusals', () => {
  it.each([
    [{ store: true }, 'Store must be set to false'],
    [{ stream: false }, 'Stream must be set to true'],
    [{ temperature: 1 }, 'Unsupported parameter: temperature'],
    [{ max_output_tokens: 1 }, 'Unsupported parameter: max_output_tokens'],
    [{ previous_response_id: 'resp_1' }, 'Unsupported parameter: previous_response_id'],
    [{ input: 'hello' }, 'Input must be a list'],
    [{ input: [{ ...userMessage('x'), role: 'system' }] }, 'System messages are not allowed'],
    [{ service_tier: 'fast' }, 'Unsupported service_tier: fast'],
    [{ model: 'gpt-2' }, "The 'gpt-2' model is not supported when using Codex with a ChatGPT account."],
  ])('refuses %j', async (changes, detail) => {
    const answer = await bench.ask(changes);
    expect([answer.status, await answer.json()]).toEqual([400, { detail }]);
  });

  it('accepts item types nobody knows', async () => {
    expect((await bench.ask({ input: [{ type: 'of_tomorrow' }, userMessage('hi')] })).status).toBe(200);
  });

  it('refuses a lite header with a full body and the reverse', async () => {
    const lite = { 'x-openai-internal-codex-responses-lite': 'true' };
    expect((await bench.ask({}, lite)).status).toBe(400);
    expect((await bench.post(responses, liteBody(userMessage('hi')))).status).toBe(400);
  });

  it('refuses a call without its output', async () => {
    const call = { type: 'function_call', call_id: 'call_9', name: 'exec_command', arguments: '{}' };
    const answer = await bench.ask({ input: [userMessage('hi'), call] });
    expect(await answer.text()).toContain('No tool output found for function call call_9.');
  });

  it('refuses unknown bearers and accounts that are not the token’s', async () => {
    expect((await bench.ask({}, { authorization: 'Bearer nobody' })).status).toBe(401);
    expect((await bench.ask({}, { 'chatgpt-account-id': bench.sandbox.account('ben').id })).status).toBe(401);
  });

  it('decodes zstd, and refuses what is none', async () => {
    const send = (body: Buffer<ArrayBuffer>) =>
      fetch(bench.sandbox.url + responses, {
        method: 'POST',
        headers: { ...bench.headers, 'content-encoding': 'zstd' },
        body,
      });
    const plain = JSON.stringify(askBody());
    expect((await send(Buffer.from(zstdCompressSync(plain)))).status).toBe(200);
    expect(bench.sandbox.requests.at(-1)).toMatchObject({ encoding: 'zstd' });
    expect(bench.sandbox.requests.at(-1)?.body.toString()).toBe(plain);
    expect((await send(Buffer.from('no zstd at all'))).status).toBe(400);
  });
});

describe('the record', () => {
  it('tells which account asked what, and wakes whoever waits for it', async () => {
    const arrived = bench.sandbox.nextRequest({ path: responses });
    await bench.ask({}, { 'X-Mixed': 'kept' });
    const request = await arrived;
    expect(request).toMatchObject({ kind: 'http', method: 'POST', account: 'anna', socket: 1 });
    expect(request.json()).toEqual(askBody());
    expect(request.header('x-mixed')).toBe('kept');
  });

  it('writes down cookies, forwarding headers, pool keys and foreign turn state', async () => {
    const other = bench.sandbox.account('ben');
    await bench.ask({}, credentialsOf(other, other.signIn().accessToken));
    const answer = await bench.ask();
    const turnState = answer.headers.get('x-codex-turn-state') ?? '';
    await bench.ask({}, { 'x-codex-turn-state': turnState });
    expect(bench.sandbox.violations).toEqual([]);

    await bench.ask({}, { 'x-forwarded-for': '10.0.0.1', 'x-note': 'sk-cxp-secret' });
    await bench.ask({ prompt_cache_key: 'sk-cxp-secret' });
    await bench.ask({}, { ...credentialsOf(other, other.signIn().accessToken), 'x-codex-turn-state': turnState });
    expect(bench.sandbox.violations.map(({ rule, where }) => `${rule} ${where}`)).toEqual([
      'forwarding_header x-forwarded-for',
      'pool_key x-note',
      'pool_key body',
      'foreign_turn_state x-codex-turn-state',
    ]);
  });

  it('tells when a caller left before the end', async () => {
    bench.account.answers({ behaviour: 'F8' });
    const ended = bench.sandbox.nextStreamEnd();
    const caller = new AbortController();
    const arrived = bench.sandbox.nextRequest();
    await fetch(bench.sandbox.url + responses, {
      method: 'POST',
      headers: bench.headers,
      body: JSON.stringify(askBody()),
      signal: caller.signal,
    });
    await arrived;
    caller.abort();
    expect(await ended).toMatchObject({ account: 'anna', outcome: 'left' });
  });

  it('forgets everything on reset', async () => {
    await bench.ask();
    bench.sandbox.reset();
    expect(bench.sandbox.requests).toEqual([]);
    expect((await bench.ask()).status).toBe(401);
  });
});
