/** Random answers, of which the provider tells random parts: what becomes of them for clients of `/v1`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectWhole, publicEventsOf } from '../../../../test/support/public-stage.ts';
import { recordOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { PublicEvent } from './public-response.ts';

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

describe('the public events of a random answer', () => {
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
          const events = publicEventsOf([...sent, terminalOf(answer, hasOutput)]);
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
        const events = publicEventsOf([...eventsOf(answer), terminalOf(answer, hasOutput)]);
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
});
