import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compressRequest, type CompressedBody, type CompressingParts } from './compress-request.ts';
import { createOutputShortener } from './shorten-output.ts';
import type { CountTokens } from './shorten-text.ts';
import { loadTokenCounter } from './token-counter.ts';

const golden = (name: string) => readFileSync(new URL(`golden/${name}.txt`, import.meta.url), 'utf8');
const long = golden('search-inline.before');
const short = golden('search-inline.after');

let countTokens: CountTokens;
beforeAll(async () => {
  countTokens = await loadTokenCounter();
});

/** Nothing is remembered from one to the next, unless it is given what remembers. */
function compress(body: Buffer | string, parts: Partial<CompressingParts> = {}): CompressedBody {
  const outputs = parts.outputs ?? createOutputShortener(countTokens);
  const steps = compressRequest(Buffer.from(body), { outputs });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const call = (id: string, name = 'exec_command', more = {}) => ({
  type: 'function_call',
  call_id: id,
  name,
  arguments: '{}',
  ...more,
});
const output = (id: string, text: unknown = long, type = 'function_call_output') => ({
  type,
  call_id: id,
  output: text,
});
const bodyOf = (items: readonly unknown[], more = {}) => JSON.stringify({ model: 'gpt-5.5', input: items, ...more });
const skipsOf = (items: readonly unknown[], more = {}) => {
  const body = bodyOf(items, more);
  const { body: sent, facts } = compress(body);
  expect(sent.toString()).toBe(body);
  return facts?.skipped ?? null;
};

describe('a tool output', () => {
  it('is shortened in place, and no other byte changes', () => {
    const written = (text: string) =>
      ` {"x":1.50 , "input" :[ ${JSON.stringify(call('c1'))},\t{"output" : ${JSON.stringify(text)} ,"call_id":"c1", "type":"function_call_output"} , 7 ],"\\u0061":"\\/"}\n`;
    const { body, facts } = compress(written(long));
    expect(body.toString()).toBe(written(short));
    expect(facts).toMatchObject({
      shortened: { search: 1 },
      skipped: {},
      bytesBefore: Buffer.byteLength(JSON.stringify(long)),
      bytesAfter: Buffer.byteLength(JSON.stringify(short)),
    });
    expect(facts!.tokensAfter).toBeLessThan(facts!.tokensBefore);
  });

  it('of a shell call or of a patch is known by its type', () => {
    const items = [output('s', long, 'local_shell_call_output'), output('p', long, 'apply_patch_call_output')];
    expect(compress(bodyOf(items)).facts?.shortened).toEqual({ search: 2 });
    const shell = [{ type: 'local_shell_call', call_id: 's' }, output('s')];
    expect(compress(bodyOf(shell)).facts?.shortened).toEqual({ search: 1 });
  });

  const listed = 'Read Glob Grep Write Edit WebSearch WebFetch read glob grep write edit web_search web_fetch';
  const retrieving = 'functions.read mcp__docs__page fetchPage file_search browser-open http.get';
  for (const name of `${listed} ${retrieving}`.split(' ')) {
    it(`of ${name} stays byte for byte`, () =>
      expect(skipsOf([call('c', name), output('c')])).toEqual({ protected_tool: 1 }));
  }

  it("of a server's tool stays, of the client's own namespace it does not", () => {
    expect(skipsOf([call('c', 'page', { namespace: 'docs' }), output('c')])).toEqual({ protected_tool: 1 });
    const own = [call('c', 'exec_command', { namespace: 'functions' }), output('c')];
    expect(compress(bodyOf(own)).facts?.shortened).toEqual({ search: 1 });
  });

  it('of a tool the request does not name stays', () => {
    expect(skipsOf([output('c')])).toEqual({ unknown_tool: 1 });
    expect(skipsOf([output('c'), call('c')])).toEqual({ unknown_tool: 1 });
    expect(skipsOf([call('c'), call('c', 'Read'), output('c')])).toEqual({ unknown_tool: 1 });
    expect(skipsOf([call('c', 'x', { name: 7 }), output('c')])).toEqual({ unknown_tool: 1 });
    expect(skipsOf([call('c', 'x', { namespace: 7 }), output('c')])).toEqual({ unknown_tool: 1 });
  });

  it('of a tool that declares what it returns stays', () => {
    const tool = { type: 'function', name: 'exec_command', output_schema: { type: 'object' } };
    const items = [call('c'), output('c')];
    expect(skipsOf(items, { tools: [tool] })).toEqual({ schema_bound: 1 });
    expect(skipsOf(items, { tools: [{ type: 'namespace', tools: [tool] }] })).toEqual({ schema_bound: 1 });
    expect(skipsOf([{ type: 'additional_tools', tools: [tool] }, ...items])).toEqual({ schema_bound: 1 });
    expect(compress(bodyOf(items, { tools: [{ ...tool, output_schema: null }] })).facts?.shortened).toEqual({
      search: 1,
    });
  });

  it('of a custom tool, in parts, short, or not well formed stays', () => {
    expect(skipsOf([call('c'), output('c', long, 'custom_tool_call_output')])).toBeNull();
    expect(skipsOf([call('c'), output('c', [{ type: 'input_text', text: long }])])).toBeNull();
    expect(skipsOf([call('c'), output('c', '[ 1 ]'.padEnd(511))])).toBeNull();
    const bytes = Buffer.from(bodyOf([call('c'), output('c')]));
    bytes[bytes.indexOf('apple')] = 0xff;
    expect(compress(bytes)).toEqual({ body: bytes, facts: expect.objectContaining({ skipped: { not_text: 1 } }) });
    const twice = bodyOf([call('c'), output('c')]).replace('"output":', '"output":"","output":');
    expect(compress(twice).body.toString()).toBe(twice);
  });

  it('keeps lone surrogates and control characters where it keeps its lines', () => {
    const odd = `${long}\uD800 \u0000 \u2028 end`;
    const { body } = compress(bodyOf([call('c'), output('c', odd)]));
    expect(JSON.parse(body.toString())).toEqual(
      JSON.parse(bodyOf([call('c'), output('c', `${short}\uD800 \u0000 \u2028 end`)])),
    );
  });
});

describe('a body', () => {
  const turns = (count: number, text = long) =>
    Array.from({ length: count }, (_, index) => [call(`c${index}`), output(`c${index}`, text)]).flat();

  it('has its first fifty outputs shortened', () => {
    const { body, facts } = compress(bodyOf(turns(53)));
    expect(facts).toMatchObject({ shortened: { search: 50 }, skipped: { over_cap: 3 } });
    expect(body.toString().endsWith(bodyOf(turns(53)).slice(-long.length * 3))).toBe(true);
  });

  it('has what lies in the first MiB of its input shortened, however long it grows', () => {
    const filler = { type: 'message', content: 'x'.repeat(2 ** 20 - 4_000) };
    const { facts } = compress(bodyOf([...turns(1), filler, ...turns(3)]));
    expect(facts?.shortened).toEqual({ search: 2 });
  });

  it('without tool outputs, without input or with two of them stays and leaves no facts', () => {
    for (const body of ['{}', '{"input":"x"}', bodyOf([]), bodyOf([7, null, 'call']), '{"input":[],"input":[]}'])
      expect(compress(body)).toEqual({ body: Buffer.from(body), facts: null });
  });

  it('shrinks only when tokens do', () => {
    const body = Buffer.from(bodyOf(turns(2)));
    const result = compress(body, { outputs: createOutputShortener(() => 7) });
    expect(result).toEqual({ body, facts: expect.objectContaining({ skipped: { no_gain: 2 } }) });
  });
});

describe('whatever a body holds', () => {
  const names = ['diff', 'json-document', 'json-after-preamble', 'log-build', 'log-failed-tests', 'search-grouped'];
  const pieces = names.flatMap((name) => golden(`${name}.before`).split(/(?<=\n)/));
  const text = fc.oneof(
    fc.constantFrom(...names.map((name) => golden(`${name}.before`)), long, short),
    fc
      .array(fc.constantFrom(...pieces, '\n', '\uD800\n', '\u0000'), { minLength: 20, maxLength: 60 })
      .map((all) => all.join('')),
    fc.string({ unit: 'binary', minLength: 500, maxLength: 700 }),
    fc.jsonValue().map((value) => JSON.stringify([value, 'x'.repeat(500)], null, 2)),
  );
  const name = fc.constantFrom('exec_command', 'exec_command', 'shell', 'Read', 'mcp__x__y');
  const type = fc.constantFrom('function_call_output', 'function_call_output', 'local_shell_call_output', 'message');
  const turn = fc
    .record({ id: fc.constantFrom('a', 'b', 'c', 'd'), name, type, text, hasCall: fc.boolean(), odd: fc.jsonValue() })
    .map(({ id, name, type, text, hasCall, odd }) => [
      ...(hasCall ? [call(id, name)] : []),
      output(id, text, type),
      odd,
    ]);
  const conversation = fc.array(turn, { minLength: 1, maxLength: 6 });
  const withoutOutputs = (body: string) =>
    (JSON.parse(body) as { input: Record<string, unknown>[] }).input.map((item) =>
      typeof item === 'object' && item !== null && typeof item['output'] === 'string' ? { ...item, output: '' } : item,
    );

  it('only outputs change, it never grows, and done twice it is as done once', () => {
    fc.assert(
      fc.property(conversation, (turns) => {
        const body = bodyOf(turns.flat());
        const once = compress(body).body;
        expect(once.length).toBeLessThanOrEqual(Buffer.byteLength(body));
        expect(withoutOutputs(once.toString())).toEqual(withoutOutputs(body));
        expect(compress(once).body.equals(once)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('remembering what was decided changes nothing', () => {
    const outputs = createOutputShortener(countTokens);
    fc.assert(
      fc.property(conversation, (turns) => {
        const body = bodyOf(turns.flat());
        for (let turn = 0; turn < 2; turn += 1) expect(compress(body, { outputs })).toEqual(compress(body));
      }),
      { numRuns: 150 },
    );
  });

  it('what is sent for a conversation begins what is sent for the longer one', () => {
    const sent = (items: readonly unknown[]) => {
      const body = `{"input":[${items.map((item) => JSON.stringify(item)).join(',')}]}`;
      return compress(body).body.toString().slice(0, -2);
    };
    fc.assert(
      fc.property(conversation, turn, (turns, next) => {
        expect(sent([...turns.flat(), ...next]).startsWith(sent(turns.flat()))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('bytes that are no UTF-8 stay as they are', () => {
    fc.assert(
      fc.property(conversation, fc.array(fc.nat(), { maxLength: 5 }), (turns, places) => {
        const bytes = Buffer.from(bodyOf(turns.flat()));
        // An x stands in strings only, so the body is as well formed as before.
        const letters = [...bytes.keys()].filter((at) => bytes[at] === 0x78);
        for (const place of places) if (letters.length > 0) bytes[letters[place % letters.length]!] = 0xff;
        const strange = (buffer: Buffer) => buffer.filter((byte) => byte === 0xff).length;
        expect(strange(compress(bytes).body)).toBe(strange(bytes));
      }),
      { numRuns: 100 },
    );
  });
});
