import { describe, expect, it } from 'vitest';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { openKeyPolicy } from '../../contract/key-policy.ts';
import { readPublic, publicRequest } from '../../../test/support/public-request.ts';
import { chooseForPublic } from './choose-for-public.ts';

/** A Pool's list with one model, whose entry has these fields. */
function entryWith(fields: Record<string, unknown>): CatalogEntry {
  return { slug: 'gpt-5.5', bytes: Buffer.from(JSON.stringify({ slug: 'gpt-5.5', ...fields })) };
}

function refusalOf(request: Record<string, unknown>, fields: Record<string, unknown>) {
  const { refusal } = chooseForPublic(readPublic('responses', publicRequest('responses', request)).request, {
    policy: openKeyPolicy,
    entries: [entryWith(fields)],
    servingModeOf: () => 'auto',
    effortField: 'reasoning.effort',
  });
  return refusal && `${refusal.code} ${refusal.param}`;
}

describe('what only some models have', () => {
  it.each([
    ['tool_search', { supports_search_tool: true }],
    ['tool_search', { experimental_supported_tools: ['tool_search'] }],
    ['programmatic_tool_calling', { tool_mode: 'code_mode_only' }],
    ['programmatic_tool_calling', { experimental_supported_tools: ['clock', 'programmatic_tool_calling'] }],
  ])('is asked of those that offer it: %s', (type, fields) => {
    expect(refusalOf({ tools: [{ type }] }, fields)).toBeNull();
    expect(refusalOf({ tools: [{ type }] }, {})).toBe('invalid_request tools');
    expect(refusalOf({ tools: [{ type: 'function', name: type, parameters: {} }] }, {})).toBeNull();
  });

  it('is a tier, too', () => {
    const fields = { additional_speed_tiers: ['ultrafast'] };
    expect(refusalOf({ service_tier: 'ultrafast' }, fields)).toBeNull();
    expect(refusalOf({ service_tier: 'ultrafast' }, {})).toBe('invalid_request service_tier');
  });

  it('is a choice among tools, which the lite form has not', () => {
    const named = { tools: [{ type: 'web_search' }], tool_choice: { type: 'web_search' } };
    expect(refusalOf(named, {})).toBeNull();
    expect(refusalOf(named, { use_responses_lite: true })).toBe('unsupported_parameter tool_choice');
  });
});
