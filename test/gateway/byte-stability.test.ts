/** What the client wrote is what the provider gets, and what the provider wrote is what the client gets, byte for byte. */
import { createHash } from 'node:crypto';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codexBody } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { settledRow } from '../support/ledger.ts';
import { openCodex, requestIdOf, type RawAsk } from '../support/raw-codex.ts';

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

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

/** Sends a request and gives both ends of it. */
async function exchange(ask: RawAsk) {
  const arriving = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
  const call = openCodex(gateway, key, ask);
  return { arrived: await arriving, answer: await call.answer };
}

const usual = '"stream":true,"store":false,"tools":[],"input":[]';
const lite = [
  '{"model":"gpt-6.1-sol","stream":true,"store":false,"parallel_tool_calls":false,',
  '"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"custom","name":"exec","format":{"type":"grammar"}}]},',
  ' {"type":"message","role":"user","content":[{"type":"input_text","text":"grüße \\ud83d\\ude80"}]}]}',
].join('');

describe('a request body', () => {
  for (const [name, body] of [
    ['as Codex writes it', codexBody()],
    [
      'with odd spaces and line breaks',
      ` \r\n{\t"model" :\n"gpt-5.5" , "stream":true\r\n,"store" : false,"tools":[ ],"input":[\t]}\n `,
    ],
    [
      'with its keys in another order',
      '{"zz":1,"input":[],"tools":[],"aa":{"b":2,"a":1},"store":false,"stream":true,"model":"gpt-5.5"}',
    ],
    ['with keys that look like numbers', `{"model":"gpt-5.5",${usual},"10":1,"9":2,"__proto__":{"x":1},"":null}`],
    [
      'with needless escapes',
      `{"\\u006dodel":"gpt-\\u0035.5",${usual},"a":"\\/\\u00fc\\u0022\\ud83d\\ude80","\\u0001":"\\b\\f"}`,
    ],
    ['with lone surrogates and control escapes', `{"model":"gpt-5.5",${usual},"a":"\\ud800 \\u0000 \\udfff"}`],
    ['with line separators and text of many scripts', `{"model":"gpt-5.5",${usual},"a":"\u2028\u2029 日本語 عربى 🚀"}`],
    [
      'with numbers no double can hold',
      `{"model":"gpt-5.5",${usual},"numbers":[12345678901234567890,1e400,-0,-0.0,1.50,1E+2,0.1e-7]}`,
    ],
    [
      'with items nobody knows',
      `{"model":"gpt-5.5","stream":true,"store":false,"tools":[],"input":[{"type":"hologram","id":"","extra":{"deep":[[[]]]}}]}`,
    ],
    ['with a field given twice that nobody decides by', `{"model":"gpt-5.5",${usual},"metadata_2":1,"metadata_2":2}`],
    ['in the lite dialect', lite],
  ] as const) {
    it(`${name} arrives unchanged`, async () => {
      const headers = body === lite ? { 'x-openai-internal-codex-responses-lite': 'true' } : {};
      const { arrived, answer } = await exchange({ body, headers });
      expect(sha256(arrived.body)).toBe(sha256(body));
      expect(arrived.wireBytes).toBe(Buffer.byteLength(body));
      expect(answer.status).toBe(200);
    });
  }

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    it(`sent as ${encoding} arrives decoded, as it was before encoding`, async () => {
      const body = codexBody({ text: 'grüße 🚀 '.repeat(2000) }).replaceAll(',', ' ,\t');
      const { arrived, answer } = await exchange({
        body: compress(Buffer.from(body)),
        headers: { 'content-encoding': encoding },
      });
      expect(sha256(arrived.body)).toBe(sha256(body));
      expect(arrived.header('content-encoding')).toBeUndefined();
      expect(answer.status).toBe(200);
    });
  }

  it('of several megabytes arrives unchanged', async () => {
    const body = codexBody({ text: 'A longer conversation. '.repeat(200_000) });
    const { arrived } = await exchange({ body });
    expect(sha256(arrived.body)).toBe(sha256(body));
  });

  it('stays unchanged when a second account answers after the first refused', async () => {
    const two = await gatewayUnderTest();
    try {
      for (const name of ['carl', 'dora']) (await two.link(name)).answers({ behaviour: 'F4', kind: 'server_error' });
      const body = codexBody().replaceAll(':', ' : ');
      const from = two.sandbox.requests.length;
      await openCodex(two, await two.key(), { body }).answer;
      const tries = two.sandbox.requests.slice(from).filter(({ path }) => path.endsWith('/responses'));
      expect(tries.map(({ account }) => account).toSorted()).toEqual(['carl', 'dora']);
      expect(tries.map((each) => sha256(each.body))).toEqual([sha256(body), sha256(body)]);
    } finally {
      await two.stop();
    }
  });

  it('of any JSON, written in any way, arrives unchanged', async () => {
    const spaces = fc.array(fc.constantFrom('', '', ' ', '\n', '\t', '\r\n  '), { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue({ maxDepth: 4 }),
        spaces,
        fc.boolean(),
        fc.bigInt(),
        async (value, gaps, escapes, big) => {
          const write = oddWriter({ gaps, escapes });
          const item = `{"type":"odd","value":${write(value)},"big":${big}}`;
          const gap = write.gap();
          const body = `{${gap}"model":"gpt-5.5","extra"${gap}:${write(value)},"stream":true,"store":false,"tools":[],"input":[${gap}${item}]${gap}}`;
          const { arrived, answer } = await exchange({ body });
          expect(arrived.body.equals(Buffer.from(body))).toBe(true);
          expect(answer.status).toBe(200);
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Writes JSON with these spaces between its parts, in turn, and every other string in escapes only. */
function oddWriter({ gaps, escapes }: { gaps: readonly string[]; escapes: boolean }) {
  let turn = 0;
  const gap = () => gaps[(turn += 1) % gaps.length] ?? '';
  const text = (value: string) =>
    escapes && (turn += 1) % 2 === 0
      ? `"${[...Array(value.length).keys()].map((at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(value);
  function write(value: unknown): string {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return `[${gap()}${value.map((each) => write(each)).join(`${gap()},${gap()}`)}${gap()}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    const members = Object.entries(value).map(([name, each]) => `${text(name)}${gap()}:${gap()}${write(each)}`);
    return `{${gap()}${members.join(`,${gap()}`)}${gap()}}`;
  }
  return Object.assign(write, { gap });
}

describe('an answer', () => {
  const event = (type: string, fields: object = {}) => JSON.stringify({ type, ...fields });
  const item = {
    output_index: 0,
    item: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'grüße 🚀' }] },
  };
  const usage = { input_tokens: 11, output_tokens: 5, total_tokens: 16 };
  const completed = { response: { id: 'resp_1', usage } };
  const plain = [
    `event: response.created\ndata: ${event('response.created', { response: { id: 'resp_1' } })}\n\n`,
    `event: response.output_item.done\ndata: ${event('response.output_item.done', item)}\n\n`,
    `event: response.completed\ndata: ${event('response.completed', completed)}\n\n`,
  ].join('');

  for (const [name, sse] of [
    ['in the usual form', plain],
    ['with CRLF', plain.replaceAll('\n', '\r\n')],
    ['with lone CR', plain.replaceAll('\n', '\r')],
    ['with line ends mixed', plain.replace('\n', '\r\n').replace('\n\n', '\r\r').replaceAll('\n\n', '\n\r\n')],
    ['with blank lines to spare', plain.replaceAll('\n\n', '\n\n\n\n\n')],
    [
      'with comments, retry, id and fields nobody knows',
      `: hello\n\nretry: 10\nid: 1\nfoo: bar\nnothing\n\n:\n${plain}: bye\n\n`,
    ],
    ['without spaces after the colons', plain.replaceAll('event: ', 'event:').replaceAll('data: ', 'data:')],
    ['with two spaces after the colons', plain.replaceAll('data: ', 'data:  ')],
    ['with data over several lines', plain.replaceAll(',"', ',\ndata: "')],
    [
      'with events out of the ordinary',
      plain.replace(
        'event: response.output',
        `event: x\ndata: ${event('codex.future', { a: [] })}\n\nevent: response.output`,
      ),
    ],
    ['with junk between good events', plain.replaceAll('event: ', 'data: {"type":\n\ndata: 17\n\ndata\n\nevent: ')],
    ['with a marker after its end', `${plain}data: [DONE]\n\n`],
    ['with the type at the end of the data', plain.replaceAll(/\{"type":("[^"]*"),(.*)\}\n/g, '{$2 , "type" : $1 }\n')],
    [
      'with odd JSON inside',
      plain.replaceAll('{', '{ ').replaceAll('grüße', 'gr\\u00fc\\u00dfe\\/').replaceAll('11', '11.0e0'),
    ],
    ['beginning with a byte order mark', `\uFEFF${plain}`],
  ] as const) {
    for (const pieces of [1, 7, 400]) {
      it(`${name}, in ${pieces} ${pieces === 1 ? 'piece' : 'pieces'}, reaches the client unchanged`, async () => {
        anna.answers({ behaviour: 'recording', sse, pieces });
        const answer = await openCodex(gateway, key).answer;
        expect(answer.body.toString('utf8')).toBe(sse);
        expect(answer.ending).toBe('end');
        expect(await settledRow(gateway, requestIdOf(answer))).toMatchObject({
          status: 'succeeded',
          usageStatus: 'usage_known',
          responseBytes: Buffer.byteLength(sse),
        });
      });
    }
  }

  it('changes in one thing only: response.done is called response.completed', async () => {
    anna.answers({ behaviour: 'recording', sse: plain.replaceAll('response.completed', 'response.done') });
    expect((await openCodex(gateway, key).answer).body.toString('utf8')).toBe(plain);
  });

  it('keeps every other mention of response.done', async () => {
    const talk =
      '{"response":{"id":"resp_1","note":"say \\"response.done\\"","words":["response.done"]},"type":"TYPE"}';
    const sse = (type: string) =>
      `${plain.slice(0, plain.lastIndexOf('event:'))}event: ${type}\ndata: ${talk.replace('TYPE', type)}\n\n`;
    anna.answers({ behaviour: 'recording', sse: sse('response.done') });
    expect((await openCodex(gateway, key).answer).body.toString('utf8')).toBe(sse('response.completed'));
  });

  it('that is no stream reaches the client unchanged', async () => {
    const body = ' {"object" : "response","output":[ ], "n":1.50e+1}\n';
    anna.answers({ behaviour: 'raw', status: 200, headers: { 'content-type': 'application/json' }, body });
    expect((await openCodex(gateway, key).answer).body.toString('utf8')).toBe(body);
  });

  it("that refuses the request reaches the client with the provider's own bytes", async () => {
    const body =
      '{ "error" : {"message":"gr\\u00fc\\u00dfe","type":"invalid_request_error","code":"context_length_exceeded"} }\n';
    anna.answers({ behaviour: 'raw', status: 400, headers: { 'content-type': 'application/json' }, body });
    const answer = await openCodex(gateway, key).answer;
    expect([answer.status, answer.body.toString('utf8')]).toEqual([400, body]);
  });
});
