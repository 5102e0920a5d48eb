/** The stage that makes public events of the provider's, and what client libraries insist on in what it says. */
import { expect } from 'vitest';
import { createPublicResponse, type PublicEvent } from '../../server/gateway/dialects/openai/public-response.ts';
import { recordOf, textOf, type JsonRecord } from '../../server/lib/json-values.ts';

export function createPublicStage({ showsEncrypted = true, toolNameOf = (name: string) => name } = {}) {
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

/** All that is told of these events. */
export function publicEventsOf(events: readonly JsonRecord[]): PublicEvent[] {
  const stage = createPublicStage();
  return events.flatMap((event) => stage.push(event));
}

/** What client libraries insist on. */
export function expectWhole(events: readonly PublicEvent[]): void {
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
