import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from './behaviours/registry.ts';
import { eventsOf, openBench, typesOf, type Bench } from './client-for-tests.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.sandbox.stop());

describe('refusals', () => {
  it.each<[Answer, number, string]>([
    [{ behaviour: 'F1' }, 401, 'token_expired'],
    [{ behaviour: 'F1', kind: 'unauthorized' }, 401, '{"detail":"Unauthorized"}'],
    [{ behaviour: 'F1', kind: 'token_revoked' }, 401, 'token_revoked'],
    [{ behaviour: 'F2', kind: 'deactivated_workspace' }, 402, '{"detail":{"code":"deactivated_workspace"}}'],
    [{ behaviour: 'F2' }, 403, '"code":"forbidden"'],
    [{ behaviour: 'F2', kind: 'challenge' }, 403, 'Just a moment...'],
    [{ behaviour: 'F3' }, 429, '"type":"usage_limit_reached"'],
    [{ behaviour: 'F3', kind: 'usage_not_included' }, 429, 'usage_not_included'],
    [{ behaviour: 'F3', kind: 'insufficient_quota' }, 429, 'insufficient_quota'],
    [{ behaviour: 'F3', kind: 'code_only' }, 429, '"code":"usage_limit_reached"'],
    [{ behaviour: 'F4' }, 500, 'server_error'],
    [{ behaviour: 'F4', kind: 'bad_gateway' }, 502, '<html>'],
    [{ behaviour: 'F4', kind: 'server_is_overloaded' }, 503, 'server_is_overloaded'],
    [{ behaviour: 'F4', kind: 'gateway_timeout' }, 504, ''],
    [{ behaviour: 'F4', kind: 'overloaded_529' }, 529, ''],
    [{ behaviour: 'F5' }, 400, 'context_length_exceeded'],
    [{ behaviour: 'F5', kind: 'detail', detail: 'Instructions are required' }, 400, 'Instructions are required'],
    [{ behaviour: 'F5', kind: 'model_not_found' }, 404, 'model_not_found'],
    [{ behaviour: 'F11' }, 307, ''],
    [{ behaviour: 'raw', status: 418, body: { error: 'teapot' } }, 418, '{"error":"teapot"}'],
  ])('%j', async (answer, status, text) => {
    bench.account.answers(answer);
    const refused = await bench.ask();
    expect(refused.status).toBe(status);
    expect(await refused.text()).toContain(text);
  });

  it('fills the window with a usage limit, in the headers, the usage answer and the next answer alike', async () => {
    bench.account.fails(429, { resetsInSeconds: 600 });
    const limited = await bench.ask();
    const body = (await limited.json()) as { error: { resets_at: number } };
    expect(limited.headers.get('x-codex-primary-used-percent')).toBe('100');
    expect(limited.headers.get('x-codex-primary-reset-at')).toBe(String(body.error.resets_at));
    const usage = (await (await bench.get('/backend-api/wham/usage')).json()) as Record<string, unknown>;
    expect(usage).toMatchObject({ rate_limit: { limit_reached: true, primary_window: { used_percent: 100 } } });
    expect((await bench.ask()).status).toBe(429);
    bench.clock.advance(601_000);
    expect((await bench.ask()).status).toBe(200);
  });
});

describe('streams that go wrong', () => {
  it.each(['context_length_exceeded', 'rate_limit_exceeded', 'usage_limit_reached'])(
    'fails late with %s',
    async (code) => {
      bench.account.answers({ behaviour: 'F6', code });
      const events = eventsOf(await (await bench.ask()).text());
      expect(typesOf(events)).toEqual(['response.created', 'codex.rate_limits', 'response.failed']);
      expect(events.at(-1)).toMatchObject({ response: { error: { code } } });
    },
  );

  it('ends incomplete', async () => {
    bench.account.answers({ behaviour: 'F7', reason: 'content_filter' });
    expect(await (await bench.ask()).text()).toContain('"incomplete_details":{"reason":"content_filter"}');
  });

  it.each<[Answer, string, string]>([
    [{ behaviour: 'F9', at: 'start' }, 'broken', ''],
    [{ behaviour: 'F9', at: 'created' }, 'broken', 'response.created'],
    [{ behaviour: 'F9', at: 'deltas', deltas: 3 }, 'broken', 'word3'],
    [{ behaviour: 'F9', at: 'item_done' }, 'broken', 'response.output_item.done'],
    [{ behaviour: 'F9', at: 'created', how: 'end' }, 'end', 'response.created'],
    [{ behaviour: 'F9', at: 'deltas', how: 'broken-chunk' }, 'broken', 'word1'],
  ])('cuts: %j', async (answer, ending, text) => {
    bench.account.answers(answer);
    const seen = await bench.watch();
    expect(seen.ending).toBe(ending);
    expect(Buffer.concat(seen.chunks).toString()).toContain(text);
    expect(bench.account.counters).toMatchObject({ usedTokens: 0 });
  });

  it('sends every delta as a packet of its own before it drops', async () => {
    bench.account.dropsAfter(2);
    const { chunks } = await bench.watch();
    expect(chunks.length).toBeGreaterThanOrEqual(4);
  });

  it('never answers effort minimal', async () => {
    const answer = await bench.ask({ reasoning: { effort: 'minimal' } });
    const reader = answer.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('response.created');
    expect(bench.account.counters).toMatchObject({ openStreams: 1 });
    const ended = bench.sandbox.nextStreamEnd();
    await reader.cancel();
    expect(await ended).toMatchObject({ outcome: 'left' });
  });
});

describe('malformed answers', () => {
  const bytesOf = async (answer: Answer) => {
    bench.account.answers(answer);
    return Buffer.concat((await bench.watch()).chunks);
  };

  it.each<[Answer, RegExp]>([
    [{ behaviour: 'F10', kind: 'crlf' }, /event: response\.created\r\ndata: .*\r\n\r\n/],
    [{ behaviour: 'F10', kind: 'lone_cr' }, /event: response\.created\rdata: [^\n]*\r\r/],
    [{ behaviour: 'F10', kind: 'multi_line_data' }, /data: \{"type":"response\.created",\ndata: "response"/],
    [{ behaviour: 'F10', kind: 'comments' }, /^: comment\n\n/],
    [{ behaviour: 'F10', kind: 'retry_and_id' }, /^retry: 1000\nid: 7\n/],
    [{ behaviour: 'F10', kind: 'no_event_line' }, /^data: /],
    [{ behaviour: 'F10', kind: 'mismatched_event' }, /^event: something\.else\n/],
    [{ behaviour: 'F10', kind: 'bom' }, /^\uFEFFevent/],
    [{ behaviour: 'F10', kind: 'junk_json' }, /data: not json/],
    [{ behaviour: 'F10', kind: 'done_marker' }, /data: \[DONE\]\n\n$/],
    [{ behaviour: 'F10', kind: 'no_final_blank' }, /\}\}$/],
    [{ behaviour: 'F10', kind: 'json_body' }, /^\{"id":"resp_/],
    [{ behaviour: 'F10', kind: 'crlf_split' }, /\r\n\r\n/],
  ])('%j', async (answer, form) => {
    expect((await bytesOf(answer)).toString('utf8')).toMatch(form);
  });

  it('splits an emoji over two writes', async () => {
    bench.account.answers({ behaviour: 'F10', kind: 'utf8_split' });
    const { chunks } = await bench.watch();
    expect(chunks.some((chunk) => chunk.subarray(-2).equals(Buffer.from([0xf0, 0x9f])))).toBe(true);
    expect(Buffer.concat(chunks).toString('utf8')).toContain('😀');
  });

  it('compresses though nobody asked', async () => {
    expect((await bytesOf({ behaviour: 'F10', kind: 'gzip' })).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
    expect(bench.account.counters).toMatchObject({ usedTokens: 107 });
  });

  it('sends one event of many megabytes', async () => {
    expect((await bytesOf({ behaviour: 'F10', kind: 'big_event', bytes: 3_000_000 })).length).toBeGreaterThan(
      6_000_000,
    );
  });
});
