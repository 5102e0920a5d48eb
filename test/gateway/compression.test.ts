/** Request compression through the real app: what the provider gets, and what is recorded of it. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decisions } from '../../server/contract/decisions.ts';
import { routing } from '../../server/contract/pools.ts';
import { commandLineBeside } from '../admin/command-line-under-test.ts';
import { askPublic } from '../support/ask-public.ts';
import { codexBody, type CodexAsk } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { ledgerOf, newRow, requestIds, settledRow } from '../support/ledger.ts';
import { openCodex, requestIdOf } from '../support/raw-codex.ts';
import { openSocket } from '../support/socket-client.ts';

const golden = (name: string) =>
  readFileSync(new URL(`../../server/gateway/compression/golden/${name}.txt`, import.meta.url), 'utf8');
const turn = (id: string, tool: string, text: string) => [
  { type: 'function_call', call_id: id, name: tool, arguments: '{}' },
  { type: 'function_call_output', call_id: id, output: text },
];
const conversation = (state: 'before' | 'after') => [
  ...turn('c1', 'exec_command', golden(`search-inline.${state}`)),
  ...turn('c2', 'Read', golden('search-inline.before')),
  ...turn('c3', 'exec_command', golden(`log-failed-tests.${state}`)),
];
const whole = codexBody({ items: conversation('before') });
const shortened = codexBody({ items: conversation('after') });

let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => anna.forgetScript());

const switchTo = (requestCompression: boolean) =>
  gateway.call(routing.change, { pool: 'default', changes: { requestCompression } });

async function exchange(ask: CodexAsk) {
  const arriving = gateway.sandbox.nextRequest((request) => request.path.includes('/responses'));
  const answer = await openCodex(gateway, key, ask).answer;
  const row = await settledRow(gateway, requestIdOf(answer));
  return { sent: (await arriving).body.toString(), answer, row };
}

describe('tool outputs', () => {
  it('go on byte for byte until the Pool has compression switched on', async () => {
    const { sent, row } = await exchange({ body: whole });
    expect(sent).toBe(whole);
    expect(row.compression).toBeNull();
  });

  for (const path of ['/backend-api/codex/responses', '/backend-api/codex/v1/responses']) {
    it(`are shortened on ${path} when it is on, those of protected tools are not`, async () => {
      await switchTo(true);
      const { sent, answer, row } = await exchange({ path, body: whole });
      expect(answer.status).toBe(200);
      expect(sent).toBe(shortened);
      expect(row.compression).toMatchObject({ shortened: { search: 1, log: 1 }, skipped: { protected_tool: 1 } });
      const { bytesBefore, bytesAfter } = row.compression as { bytesBefore: number; bytesAfter: number };
      expect(Number(row.requestBytes) - (bytesBefore - bytesAfter)).toBe(Buffer.byteLength(shortened));
      const [reserved] = (await ledgerOf(gateway.database.db, row.id)).filter(({ event }) => event === 'reservation');
      expect(reserved?.inputTokens).toBe(Math.ceil(Buffer.byteLength(shortened) / 4));
    });
  }

  it('of a compaction are shortened', async () => {
    await switchTo(true);
    const of = (state: 'before' | 'after') => JSON.stringify({ model: 'gpt-5.5', input: conversation(state) });
    const { sent } = await exchange({ path: '/backend-api/codex/responses/compact', body: of('before') });
    expect(sent).toBe(of('after'));
  });

  it('of a chat and of a response of /v1 are shortened', async () => {
    await switchTo(true);
    const calls = (text: string) => [
      { role: 'user', content: 'look' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'exec_command', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: text },
    ];
    const sentFor = async (path: string, body: object) => {
      const arriving = gateway.sandbox.nextRequest((request) => request.path.includes('/responses'));
      const { status } = await askPublic(gateway, { path, key, body: { model: 'gpt-5.5', ...body } });
      expect(status).toBe(200);
      return JSON.parse((await arriving).body.toString()) as { input: { type?: string; output?: unknown }[] };
    };
    const outputsOf = ({ input }: Awaited<ReturnType<typeof sentFor>>) =>
      input.filter(({ type }) => type === 'function_call_output').map(({ output }) => output);
    const chat = await sentFor('/v1/chat/completions', { messages: calls(golden('search-inline.before')) });
    expect(outputsOf(chat)).toEqual([golden('search-inline.after')]);
    const response = await sentFor('/v1/responses', { input: conversation('before') });
    expect(outputsOf(response)).toEqual(outputsOf({ input: conversation('after') }));
  });

  it('of a turn over a websocket are shortened', async () => {
    await switchTo(true);
    const client = await openSocket(gateway, key);
    try {
      const known = await requestIds(gateway);
      client.turn({ body: whole });
      await client.answer();
      expect(await newRow(gateway, known)).toMatchObject({
        transport: 'websocket',
        compression: { shortened: { search: 1, log: 1 }, skipped: { protected_tool: 1 } },
      });
    } finally {
      client.leave();
    }
  });

  it('are not looked for in a recording', async () => {
    await switchTo(true);
    const form = new FormData();
    form.append('file', new Blob(['sound']), 'a.wav');
    const answer = await fetch(`${gateway.url}/backend-api/transcribe`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: form,
    });
    expect(answer.status).toBe(200);
    expect((await settledRow(gateway, answer.headers.get('x-request-id'))).compression).toBeNull();
  });

  it('are told of where requests are listed and explained, in counts', async () => {
    await switchTo(true);
    const { row } = await exchange({ body: whole });
    const { request } = await gateway.call(decisions.explain, { requestId: row.id });
    expect(request.compression).toEqual(row.compression);
    expect(request.compression).toMatchObject({ shortened: { search: 1, log: 1 } });
    const { requests } = await gateway.call(decisions.list, { limit: 1 });
    expect(requests).toMatchObject([{ requestId: row.id, compression: row.compression }]);
    const operator = commandLineBeside(gateway);
    const { stdout } = await operator.run(`request explain ${row.id}`);
    expect(stdout).toMatch(/shortened: (?=.*1 × Search results)(?=.*1 × Build or test output).*\d+ tokens less/);
    expect(stdout).toMatch(/Left as they were: 1 × /);
    expect(stdout).not.toMatch(/apple|ripe|kettle/i);
  });

  it('are the same for the account that answers after another one failed', async () => {
    const two = await gatewayUnderTest();
    try {
      await two.call(routing.change, { pool: 'default', changes: { requestCompression: true } });
      for (const name of ['carl', 'dora']) (await two.link(name)).answers({ behaviour: 'F4', kind: 'server_error' });
      await openCodex(two, await two.key(), { body: whole }).answer;
      const tries = two.sandbox.requests.filter(({ path }) => path.endsWith('/responses'));
      expect(tries.map(({ account }) => account).toSorted()).toEqual(['carl', 'dora']);
      expect(tries.map(({ body }) => body.toString())).toEqual([shortened, shortened]);
    } finally {
      await two.stop();
    }
  });

  it('that are none leave a request as it came, with compression on', async () => {
    await switchTo(true);
    const body = codexBody().replaceAll(':', ' : ');
    const { sent, row } = await exchange({ body });
    expect(sent).toBe(body);
    expect(row.compression).toBeNull();
  });

  it('go on byte for byte again once it is off', async () => {
    await switchTo(false);
    expect((await exchange({ body: whole })).sent).toBe(whole);
  });

  it('leave no word in the database', async () => {
    await switchTo(true);
    const { row } = await exchange({ body: whole });
    expect(JSON.stringify(row)).not.toMatch(/apple|ripe|kettle/i);
  });
});
