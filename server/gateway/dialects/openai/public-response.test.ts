import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import { createPublicResponse, type PublicEvent } from './public-response.ts';

/** What the provider means to say, before anything is left out. */
interface Message {
  readonly type: 'message';
  readonly pieces: readonly string[];
}
interface Call {
  readonly type: 'function_call' | 'custom_tool_call';
  readonly pieces: readonly string[];
}
interface Reasoning {
  readonly type: 'reasoning';
}
type Told = Message | Call | Reasoning;

const pieces = fc.array(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 4 });
const told: fc.Arbitrary<Told> = fc.oneof(
  fc.record({ type: fc.constant('message' as const), pieces }),
  fc.record({ type: fc.constantFrom('function_call' as const, 'custom_tool_call' as const), pieces }),
  fc.constant({ type: 'reasoning' as const }),
);

const fieldOf = { function_call: 'arguments', custom_tool_call: 'input' } as const;

/** The whole item, as it stands in `output_item.done` and in the terminal event. */
function itemOf(each: Told, index: number): JsonRecord {
  if (each.type === 'reasoning') return { type: 'reasoning', id: `rs_${index}`, encrypted_content: null };
  const whole = each.pieces.join('');
  if (each.type === 'message')
    return {
      type: 'message',
      id: `msg_${index}`,
      content: whole === '' ? [] : [{ type: 'output_text', text: whole }],
    };
  return { type: each.type, id: `fc_${index}`, call_id: `call_${index}`, name: 'run', [fieldOf[each.type]]: whole };
}

/** Every event a faultless provider would send. */
function eventsOf(answer: readonly Told[]): JsonRecord[] {
  const events: JsonRecord[] = [
    { type: 'response.created', response: { id: 'resp_1', created_at: 7.9 } },
    { type: 'codex.rate_limits', rate_limits: {} },
    { type: 'response.in_progress', response: { id: 'resp_1' } },
  ];
  for (const [index, each] of answer.entries()) {
    const item = itemOf(each, index);
    const at = { output_index: index, item_id: item['id'] };
    const begun = { ...item, status: 'in_progress', ...(each.type === 'message' ? { content: [] } : {}) };
    const opened = each.type === 'reasoning' ? item : begun;
    events.push({ type: 'response.output_item.added', output_index: index, item: opened });
    if (each.type === 'message') {
      const part = { ...at, content_index: 0 };
      if (each.pieces.length > 0)
        events.push({ ...part, type: 'response.content_part.added', part: { type: 'output_text', text: '' } });
      for (const delta of each.pieces) events.push({ ...part, type: 'response.output_text.delta', delta });
      if (each.pieces.length > 0) {
        const text = each.pieces.join('');
        events.push({ ...part, type: 'response.output_text.done', text });
        events.push({ ...part, type: 'response.content_part.done', part: { type: 'output_text', text } });
      }
    } else if (each.type !== 'reasoning') {
      const name = each.type === 'function_call' ? 'function_call_arguments' : 'custom_tool_call_input';
      for (const delta of each.pieces) events.push({ ...at, type: `response.${name}.delta`, delta });
      events.push({ ...at, type: `response.${name}.done`, [fieldOf[each.type]]: each.pieces.join('') });
    }
    events.push({ type: 'response.output_item.done', output_index: index, item });
  }
  return events;
}

function terminalOf(answer: readonly Told[], hasOutput: boolean): JsonRecord {
  const output = hasOutput ? answer.map(itemOf) : [];
  return { type: 'response.completed', response: { id: 'resp_1', output, error: null } };
}

function createStage({ showsEncrypted = true, toolNameOf = (name: string) => name } = {}) {
  let made = 0;
  return createPublicResponse({
    frame: { model: 'gpt-5.5', createdAt: 1_000, echo: {}, toolNameOf },
    showsEncrypted,
    makeId: (prefix) => `${prefix}_made${(made += 1)}`,
    nowSeconds: () => 1_001,
    failureOf: (error) => ({
      status: 502,
      code: textOf(error['code']) || 'upstream_error',
      message: 'failed',
      type: 'server_error',
    }),
  });
}

function run(events: readonly JsonRecord[]): PublicEvent[] {
  const stage = createStage();
  return events.flatMap((event) => stage.push(event));
}

/** What client libraries insist on. */
function expectWhole(events: readonly PublicEvent[]): void {
  expect(events[0]?.type).toBe('response.created');
  const numbers = events.map((event) => event.sequence_number);
  for (const [index, number] of numbers.entries()) if (index > 0) expect(number).toBeGreaterThan(numbers[index - 1]!);
  expect(events.filter(({ type }) => /^response\.(completed|incomplete|failed)$/.test(type))).toHaveLength(1);
  const open = new Map<unknown, JsonRecord>();
  const parts = new Map<string, string>();
  const announced: string[] = [];
  for (const event of events) {
    const item = recordOf(event['item']);
    if (event.type === 'response.output_item.added') {
      expect(open.has(event['output_index'])).toBe(false);
      expect(typeof item['id']).toBe('string');
      open.set(event['output_index'], item);
    } else if ('item_id' in event) {
      expect(event['item_id']).toBe(open.get(event['output_index'])?.['id']);
    }
    if (event.type === 'response.content_part.added') parts.set(`${event['item_id']}/${event['content_index']}`, '');
    if (event.type === 'response.output_text.delta') {
      const part = `${event['item_id']}/${event['content_index']}`;
      expect(parts.has(part)).toBe(true);
      parts.set(part, parts.get(part)! + event['delta']);
    }
    const thought = /^response\.reasoning_(summary_)?text\.(?:delta|done)$/.exec(event.type);
    if (thought)
      expect(announced).toContain(`${event['item_id']}/${event[thought[1] ? 'summary_index' : 'content_index']}`);
    if (event.type === 'response.reasoning_summary_part.added')
      announced.push(`${event['item_id']}/${event['summary_index']}`);
    if (event.type === 'response.content_part.added') announced.push(`${event['item_id']}/${event['content_index']}`);
    if (event.type === 'response.output_text.done')
      expect(event['text']).toBe(parts.get(`${event['item_id']}/${event['content_index']}`));
    if (event.type === 'response.output_item.done') {
      const added = open.get(event['output_index']);
      expect([item['id'], item['type'], item['call_id']]).toEqual([added?.['id'], added?.['type'], added?.['call_id']]);
    }
  }
  const last = recordOf(events.at(-1)?.['response']);
  const done = events.filter(({ type }) => type === 'response.output_item.done');
  const ended = [...done.map(({ item }) => item), ...(last['output'] as unknown[])].map(recordOf);
  expect(ended.filter(({ status }) => status === 'in_progress')).toEqual([]);
  const times = events.flatMap(({ response }) => (response === undefined ? [] : [recordOf(response)['created_at']]));
  expect(new Set(times).size).toBe(1);
  if (last['status'] === 'completed') expect(done).toHaveLength(open.size);
}

function textIn(events: readonly PublicEvent[]): string {
  return events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event['delta']] : [])).join('');
}

function textOut(events: readonly PublicEvent[]): string {
  const output = recordOf(events.at(-1)?.['response'])['output'] as JsonRecord[];
  return output
    .filter(({ type }) => type === 'message')
    .flatMap(({ content }) => content as JsonRecord[])
    .map(({ text }) => text)
    .join('');
}

describe('the public events of a response', () => {
  it('are whole whatever the provider leaves out, and say what it said', () => {
    fc.assert(
      fc.property(
        fc.array(told, { maxLength: 4 }),
        fc.infiniteStream(fc.nat({ max: 3 })),
        fc.boolean(),
        (answer, chance, hasOutput) => {
          const all = eventsOf(answer);
          // A terminal without output rests on the events before it, so then the items' ends must be there.
          const isNeeded = (event: JsonRecord) => !hasOutput && event['type'] === 'response.output_item.done';
          const sent = all.filter((event) => isNeeded(event) || chance.next().value > 0);
          const isTorn = sent.some((event, at) => {
            const next = all.indexOf(event);
            return String(event['type']).endsWith('.delta') && at > 0 && sent[at - 1] !== all[next - 1];
          });
          fc.pre(!isTorn);
          const events = run([...sent, terminalOf(answer, hasOutput)]);
          expectWhole(events);
          const said = answer.flatMap((each) => (each.type === 'message' ? each.pieces : [])).join('');
          expect(textOut(events)).toBe(said);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('carry each text and each argument once when nothing is left out', () => {
    fc.assert(
      fc.property(fc.array(told, { maxLength: 4 }), fc.boolean(), (answer, hasOutput) => {
        const events = run([...eventsOf(answer), terminalOf(answer, hasOutput)]);
        expectWhole(events);
        const said = answer.flatMap((each) => (each.type === 'message' ? each.pieces : [])).join('');
        expect([textIn(events), textOut(events)]).toEqual([said, said]);
        const output = recordOf(events.at(-1)?.['response'])['output'] as JsonRecord[];
        expect(output.map(({ type }) => type)).toEqual(answer.map(({ type }) => type));
        for (const [index, each] of answer.entries())
          if (each.type === 'function_call') expect(output[index]?.['arguments']).toBe(each.pieces.join(''));
      }),
    );
  });

  it('hold nothing the provider says to its own clients', () => {
    const events = run([
      { type: 'codex.rate_limits' },
      { type: 'keepalive' },
      { type: 'response.metadata', headers: {} },
      { type: 'response.created', response: { id: 'resp_9' } },
      { type: 'responsesapi.websocket_timing' },
      { type: 'response.done', response: { id: 'resp_9', output: [] } },
      { type: 'response.output_text.delta', delta: 'late' },
    ]);
    expect(events.map(({ type }) => type)).toEqual(['response.created', 'response.completed']);
    expect(events.map((event) => recordOf(event['response'])['id'])).toEqual(['resp_9', 'resp_9']);
  });

  it('give a text that only the end holds as the whole series', () => {
    const message = { type: 'message', content: [{ type: 'output_text', text: 'late' }] };
    const events = run([{ type: 'response.completed', response: { id: 'resp_2', output: [message] } }]);
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expectWhole(events);
  });

  it.each([
    [
      'a summary that was never announced',
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'hm' },
      ['output_item', 'reasoning_summary_part', 'reasoning_summary_text'],
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] },
    ],
    [
      'a thought that was never announced',
      { type: 'response.reasoning_text.delta', output_index: 0, content_index: 0, delta: 'hm' },
      ['output_item', 'content_part', 'reasoning_text'],
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] },
    ],
    [
      'a thought that only its item tells',
      {
        type: 'response.output_item.done',
        output_index: 0,
        item: { type: 'reasoning', id: 'rs_0', summary: [{ type: 'summary_text', text: 'hm' }] },
      },
      ['output_item', 'reasoning_summary_part', 'reasoning_summary_text'],
      { type: 'reasoning', id: 'rs_0', summary: [{ type: 'summary_text', text: 'hm' }] },
    ],
    [
      'a citation before its text',
      {
        type: 'response.output_text.annotation.added',
        output_index: 0,
        annotation: { type: 'url_citation', url: 'u' },
      },
      ['output_item', 'content_part', 'output_text'],
      {
        type: 'message',
        content: [{ type: 'output_text', text: '', annotations: [{ type: 'url_citation', url: 'u' }] }],
      },
    ],
  ])('give %s as the whole series', (_name, event, order, expected) => {
    const events = run([
      { type: 'response.created', response: { id: 'resp_1' } },
      event,
      { type: 'response.completed', response: { id: 'resp_1', output: [] } },
    ]);
    expectWhole(events);
    const named = events.flatMap(({ type }) => /^response\.(\w+)\.(?:added|done)$/.exec(type)?.[1] ?? []);
    expect(named).toEqual([order[0], order[1], order[2], order[1], order[0]]);
    expect(recordOf(events.at(-1)?.['response'])['output']).toMatchObject([expected]);
  });

  it("call a tool by the client's own name wherever they name it", () => {
    const toolNameOf = (name: string) => (name === 'short' ? 'the_long_name' : name);
    const stage = createStage({ toolNameOf });
    const item = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'short', arguments: '{}' };
    const choice = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'short' }] };
    const told = [
      { type: 'response.created', response: { id: 'resp_1', tool_choice: { type: 'function', name: 'short' } } },
      { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
      { type: 'response.function_call_arguments.done', output_index: 0, item_id: 'fc_1', arguments: '{}' },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { id: 'resp_1', output: [item], tool_choice: choice } },
    ].flatMap((event) => stage.push(event));
    expect(JSON.stringify(told)).not.toContain('"short"');
    expect(JSON.stringify(stage.ending?.replay())).toContain('"the_long_name"');
  });

  it('announce a failure that comes first, and say nothing more', () => {
    const events = run([
      { type: 'response.failed', response: { id: 'resp_3', error: { code: 'server_is_overloaded' } } },
      { type: 'response.completed', response: { id: 'resp_3' } },
    ]);
    expect(events.map(({ type }) => type)).toEqual(['response.created', 'response.failed']);
    expect(recordOf(events[1]?.['response'])).toMatchObject({
      status: 'failed',
      error: { code: 'server_is_overloaded', message: 'failed' },
    });
  });

  it('call an incomplete answer what it is: cut by a limit, or failed', () => {
    const ending = (reason: string) =>
      run([{ type: 'response.incomplete', response: { id: 'r', incomplete_details: { reason } } }]).at(-1)?.type;
    expect(ending('max_output_tokens')).toBe('response.incomplete');
    expect(ending('content_filter')).toBe('response.incomplete');
    expect(ending('context_length_exceeded')).toBe('response.failed');
  });

  it('end in one error event when the provider just stops', () => {
    const stage = createStage();
    stage.push({ type: 'response.created', response: { id: 'resp_4' } });
    stage.push({ type: 'response.output_text.delta', output_index: 0, delta: 'half' });
    const [error, ...rest] = stage.end({
      status: 502,
      code: 'upstream_stream_error',
      message: 'cut',
      type: 'server_error',
    });
    expect(rest).toEqual([]);
    expect(error).toMatchObject({ type: 'error', code: 'upstream_stream_error', error: { message: 'cut' } });
    expect(stage.end({ status: 502, code: 'x', message: 'x', type: 'x' })).toEqual([]);
  });

  it('keep the error of a good answer null and fill what strict clients read', () => {
    const [, last] = run([
      {
        type: 'response.completed',
        response: { id: 'resp_5', error: null, created_at: 3.7, usage: { input_tokens: 2 } },
      },
    ]);
    expect(recordOf(last?.['response'])).toMatchObject({
      error: null,
      created_at: 3,
      completed_at: 1_001,
      store: false,
      temperature: 1,
      text: { format: { type: 'text' } },
      usage: { input_tokens: 2, output_tokens: 0, total_tokens: 2, input_tokens_details: { cached_tokens: 0 } },
    });
  });

  it('show encrypted reasoning only to whom it was promised, and never as null', () => {
    const item = { type: 'reasoning', id: 'rs_1', encrypted_content: 'gAAAA' };
    const shown = (showsEncrypted: boolean, encrypted: unknown) => {
      const stage = createStage({ showsEncrypted });
      stage.push({ type: 'response.created', response: { id: 'r' } });
      const done = {
        type: 'response.output_item.done',
        output_index: 0,
        item: { ...item, encrypted_content: encrypted },
      };
      return 'encrypted_content' in recordOf(stage.push(done).at(-1)?.['item']);
    };
    expect([shown(true, 'gAAAA'), shown(false, 'gAAAA'), shown(true, null)]).toEqual([true, false, false]);
  });
});
