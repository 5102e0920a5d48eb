import { describe, expect, it } from 'vitest';
import { publicRequest, readPublic, refusalOf, sent } from '../../../../test/support/public-request.ts';
import type { JsonRecord } from '../../../lib/json-values.ts';

const ask = (fields: JsonRecord = {}) => publicRequest('responses', fields);
const bodyOf = (fields: JsonRecord) => sent('responses', ask(fields));

describe('fields of a Responses request', () => {
  it('are dropped where the provider would refuse them', () => {
    const dropped = {
      max_output_tokens: 9,
      temperature: 1,
      top_p: 1,
      top_logprobs: 0,
      truncation: 'auto',
      metadata: { a: 'b' },
      user: 'u',
      safety_identifier: 's',
      prompt_cache_retention: 'in-memory',
      prompt_cache_options: { mode: 'explicit' },
      stream_options: { include_obfuscation: true },
      background: false,
      store: true,
      service_tier: ' Auto ',
    };
    expect(bodyOf(dropped)).toEqual(bodyOf({}));
    expect(bodyOf({ text: {}, tool_choice: null, conversation: null, reasoning: {} })).toEqual(bodyOf({}));
    expect(bodyOf({ text: { format: null, tone: null }, reasoning: { effort: null, depth: null } })).toEqual(
      bodyOf({}),
    );
  });

  it('go on as they are, or under one name', () => {
    expect(
      bodyOf({
        instructions: 'be brief',
        reasoningEffort: 'HIGH',
        reasoning_summary: 'auto',
        textVerbosity: 'low',
        promptCacheKey: 'thread',
        client_metadata: { a: 'b', 'x-codex-pooler-x': 'c' },
        include: ['reasoning.encrypted_content', 'web_search_call.results'],
      }),
    ).toMatchObject({
      instructions: 'be brief',
      reasoning: { effort: 'high', summary: 'auto' },
      text: { verbosity: 'low' },
      prompt_cache_key: 'thread',
      client_metadata: { a: 'b' },
      include: ['reasoning.encrypted_content', 'web_search_call.results'],
    });
  });

  it.each([
    [{ reasoning: { effort: 'low' }, reasoning_effort: 'high' }, 'low'],
    [{ reasoning: { effort: ' ' }, reasoning_effort: 'high' }, 'high'],
    [{ reasoning_effort: 'low', reasoningEffort: 'high' }, 'low'],
    [{ reasoningEffort: 'low', thinking: true }, 'low'],
    [{ thinking: true }, 'medium'],
    [{ thinking: { type: 'enabled' } }, 'medium'],
    [{ thinking: { enabled: true } }, 'medium'],
    [{ thinking: 'on' }, 'medium'],
    [{ thinking: 'xhigh' }, 'xhigh'],
    [{ thinking: { effort: 'ultra' } }, 'max'],
    [{ thinking: { type: 'disabled' }, enable_thinking: true }, 'medium'],
    [{ enable_thinking: false }, undefined],
    [{ reasoning: { effort: 'none' } }, 'none'],
    [{ reasoning: { effort: 'MAX ' } }, 'max'],
    [{ reasoning: { effort: 'minimal' } }, 'low'],
    [{ reasoning: { effort: 'hyper' } }, 'hyper'],
  ])('name the effort of %j as %s', (fields, effort) => {
    expect((bodyOf(fields)['reasoning'] as JsonRecord | undefined)?.['effort']).toBe(effort);
  });

  it.each([
    [' FAST ', 'priority'],
    ['priority', 'priority'],
    ['flex', 'flex'],
    ['scale', 'scale'],
    ['ultrafast', 'ultrafast'],
    ['auto', undefined],
    ['Default', undefined],
  ])('ask for the tier %s as %s', (given, tier) => {
    expect(bodyOf({ service_tier: given })['service_tier']).toBe(tier);
  });

  it('show encrypted reasoning to those who asked for it, or keep nothing with us', () => {
    const shows = (fields: JsonRecord) => readPublic('responses', ask(fields)).request.showsEncrypted;
    expect([shows({}), shows({ store: true }), shows({ store: false })]).toEqual([false, false, true]);
    expect(shows({ include: ['reasoning.encrypted_content'] })).toBe(true);
  });

  it.each<[JsonRecord, string]>([
    [{ frobnicate: 1, aaa: 1 }, 'unsupported_parameter aaa'],
    [{ top_logprobs: 1, aaa: 1 }, 'unsupported_parameter top_logprobs'],
    [{ model: undefined, temperature: 9 }, 'missing_required_parameter model'],
    [{ input: [] }, 'invalid_request input'],
    [{ input: undefined }, 'invalid_request input'],
    [{ input: 5 }, 'invalid_request input'],
    [{ input: [{ type: 'reasoning', summary: [] }] }, 'invalid_request input'],
    [{ max_output_tokens: 0 }, 'invalid_request max_output_tokens'],
    // What is wrong with fields comes first, then items, then tools.
    [{ include: ['all'], input: [7], tools: 7 }, 'invalid_request include'],
    [{ service_tier: 'slow', input: [7], tools: 7 }, 'invalid_request service_tier'],
    [{ input: [7], tools: 7 }, 'invalid_request input[0]'],
    [{ reasoning_summary: 'loud' }, 'invalid_request reasoning.summary'],
    [{ textVerbosity: 'loud' }, 'invalid_request text.verbosity'],
    [{ max_tool_calls: 3 }, 'unsupported_parameter max_tool_calls'],
    [{ top_p: 1.5 }, 'invalid_request top_p'],
    [{ truncation: 'never' }, 'invalid_request truncation'],
    [{ safety_identifier: 'x'.repeat(65) }, 'invalid_request safety_identifier'],
    [{ prompt_cache_key: 'x'.repeat(513) }, 'invalid_request prompt_cache_key'],
    [{ prompt_cache_options: { other: 1 } }, 'invalid_request prompt_cache_options.other'],
    [{ stream_options: { include_usage: true } }, 'unsupported_parameter stream_options.include_usage'],
    [{ previous_response_id: 'resp_1' }, 'previous_response_not_found previous_response_id'],
    [{ conversation: 'c' }, 'unsupported_parameter conversation'],
    [{ prompt: { id: 'p' } }, 'unsupported_parameter prompt'],
    [{ background: true }, 'unsupported_parameter background'],
    [{ context_management: [] }, 'unsupported_parameter context_management'],
    [{ generate: false }, 'unsupported_parameter generate'],
    [{ include: ['everything'] }, 'invalid_request include'],
    [{ reasoning: { effort: 'low', budget: 3 } }, 'unsupported_parameter reasoning.budget'],
    [{ reasoning: { effort: 3 } }, 'invalid_request reasoning.effort'],
    [{ reasoning: { summary: 'long' } }, 'invalid_request reasoning.summary'],
    [{ reasoning: { context: 'some' } }, 'invalid_request reasoning.context'],
    [{ text: { verbosity: 'loud' } }, 'invalid_request text.verbosity'],
    [{ text: { colour: 1 } }, 'unsupported_parameter text.colour'],
    [{ text: { format: { type: 'xml' } } }, 'invalid_request text.format'],
    [{ text: { format: { type: 'json_schema', name: 'x' } } }, 'invalid_request text.format.schema'],
    [
      { text: { format: { type: 'json_schema', name: 'x', strict: true, schema: { type: 'string' } } } },
      'invalid_json_schema text.format.schema.type',
    ],
    [{ parallel_tool_calls: 'no' }, 'invalid_request parallel_tool_calls'],
  ])('are refused as %j', (fields, refusal) => {
    expect(refusalOf('responses', ask(fields))).toBe(refusal);
  });
});
