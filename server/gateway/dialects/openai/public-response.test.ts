import { describe, expect, it } from 'vitest';
import { createPublicStage, expectWhole, publicEventsOf } from '../../../../test/support/public-stage.ts';
import { recordOf } from '../../../lib/json-values.ts';

describe('the public events of a response', () => {
  it('hold nothing the provider says to its own clients', () => {
    const events = publicEventsOf([
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
    const events = publicEventsOf([{ type: 'response.completed', response: { id: 'resp_2', output: [message] } }]);
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
    const events = publicEventsOf([
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
    const stage = createPublicStage({ toolNameOf });
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
    const events = publicEventsOf([
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
      publicEventsOf([{ type: 'response.incomplete', response: { id: 'r', incomplete_details: { reason } } }]).at(-1)
        ?.type;
    expect(ending('max_output_tokens')).toBe('response.incomplete');
    expect(ending('content_filter')).toBe('response.incomplete');
    expect(ending('context_length_exceeded')).toBe('response.failed');
  });

  it('end in one error event when the provider just stops', () => {
    const stage = createPublicStage();
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
    const [, last] = publicEventsOf([
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
      const stage = createPublicStage({ showsEncrypted });
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
