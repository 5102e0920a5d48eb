/** Which headers travel: who the client is goes on, and what belongs to a connection, a proxy or an edge does not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import type { Linked } from '../support/household.ts';
import { openCodex } from '../support/raw-codex.ts';

let gateway: GatewayUnderTest;
let key: string;
let anna: Linked;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => anna.forgetScript());

describe('headers of a request', () => {
  const mine = [
    ['User-Agent', 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)'],
    ['originator', 'codex_exec'],
    ['session-id', '0199-session'],
    ['thread-id', '0199-thread'],
    ['version', '0.169.0'],
    ['Accept', 'text/event-stream'],
    ['x-client-request-id', '0199-thread'],
    ['x-codex-installation-id', 'install-1'],
    ['x-codex-turn-metadata', '{"session_id":"0199","sandbox":"none"}'],
    ['x-codex-window-id', '0199-thread:0'],
    ['x-codex-beta-features', 'a,b'],
    ['x-openai-subagent', 'review'],
    ['OpenAI-Beta', 'responses=experimental'],
  ] as const;
  const foreign = [
    ['cookie', '__cf_bm=canary'],
    ['x-forwarded-for', 'canary, 10.0.0.1'],
    ['X-Forwarded-Host', 'canary.example'],
    ['x-forwarded-proto', 'canary'],
    ['forwarded', 'for=canary'],
    ['x-real-ip', 'canary'],
    ['via', '1.1 canary'],
    ['cf-connecting-ip', 'canary'],
    ['connection', 'keep-alive, x-canary'],
    ['keep-alive', 'timeout=canary'],
    ['te', 'canary'],
    ['x-canary', 'canary'],
    ['accept-encoding', 'gzip, canary'],
    ['accept-language', 'canary'],
    ['proxy-authorization', 'Basic canary'],
    ['x-api-key', 'canary'],
    ['api-key', 'canary'],
    ['chatgpt-account-id', 'canary'],
    ['x-openai-fedramp', 'canary'],
    ['x-openai-account-routing-override', 'canary'],
    ['x-openai-internal-codex-residency', 'canary'],
    ['referer', 'http://canary.example/'],
    ['x-session-id', 'canary'],
    ['x-session-affinity', 'canary'],
    ['idempotency-key', 'canary'],
    ['traceparent', 'canary'],
    ['x-codex-turn-state', 'canary'],
  ] as const;

  it('that say who the client is arrive; credentials, cookies and whatever a proxy adds do not', async () => {
    const arriving = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    const answer = await openCodex(gateway, key, {
      pairs: [...foreign.slice(0, 14), ...mine, ...foreign.slice(14), ['origin', gateway.url]],
    }).answer;
    const arrived = await arriving;
    expect(answer.status).toBe(200);
    for (const [name, value] of mine) expect([name, arrived.header(name)]).toEqual([name, value]);
    const names = arrived.headers.map(([name]) => name.toLowerCase());
    expect(arrived.headers.filter(([name, value]) => `${name}: ${value}`.includes('canary'))).toEqual([]);
    const ours = new Set([
      'host',
      'connection',
      'content-type',
      'content-length',
      'authorization',
      'chatgpt-account-id',
    ]);
    const known = new Set(mine.map(([name]) => name.toLowerCase()));
    expect(names.filter((name) => !ours.has(name) && !known.has(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(arrived.header('chatgpt-account-id')).toBe(anna.id);
    expect(arrived.header('authorization')).not.toContain(key);
    expect(arrived.account).toBe('anna');
    expect(gateway.sandbox.violations).toEqual([]);
  });

  it('of the provider that belong to its connection, its cookies and its edge do not reach the client', async () => {
    const headers = {
      'content-type': 'application/json',
      'set-cookie': '__cf_bm=canary',
      server: 'canary',
      'alt-svc': 'canary',
      'strict-transport-security': 'canary',
      'report-to': 'canary',
      nel: 'canary',
      'x-canary': 'canary',
      'x-request-id': 'req_upstream_1',
    };
    anna.answers({ behaviour: 'raw', status: 200, headers, body: '{"object":"response"}' });
    const answer = await openCodex(gateway, key).answer;
    expect(JSON.stringify(answer.headers)).not.toContain('canary');
    expect(answer.headers['x-oai-request-id']).toBe('req_upstream_1');
  });

  it('that ask for compression are not obeyed', async () => {
    const answer = await openCodex(gateway, key, { headers: { 'accept-encoding': 'gzip, deflate, br, zstd' } }).answer;
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.body.toString('utf8')).toContain('response.completed');
    const list = await askCodex(gateway, key, { body: '{' });
    expect(list.headers.get('content-encoding')).toBeNull();
  });
});
