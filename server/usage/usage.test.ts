import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTokenUsage } from './usage.ts';

const report = { input_tokens: 100, output_tokens: 7, total_tokens: 107 };

describe('a report of usage', () => {
  it('is read as the provider writes it', () => {
    expect(
      readTokenUsage({
        ...report,
        input_tokens_details: { cached_tokens: 40, cache_write_tokens: 11 },
        output_tokens_details: { reasoning_tokens: 3 },
      }),
    ).toEqual({
      inputTokens: 100,
      cachedTokens: 40,
      cacheWriteTokens: 11,
      outputTokens: 7,
      reasoningTokens: 3,
      totalTokens: 107,
    });
  });

  it('leaves unsaid what it does not say, and tells it from none', () => {
    expect(readTokenUsage(report)).toMatchObject({ cachedTokens: null, cacheWriteTokens: null, reasoningTokens: null });
    expect(readTokenUsage({ ...report, input_tokens_details: { cached_tokens: 0 } })).toMatchObject({
      cachedTokens: 0,
    });
    expect(readTokenUsage({ ...report, input_tokens_details: null, output_tokens_details: null })).not.toBeNull();
  });

  it('is read where the details stand beside the counts', () => {
    const flat = { ...report, cached_input_tokens: 5, cache_write_tokens: 2, reasoning_tokens: 1 };
    expect(readTokenUsage(flat)).toMatchObject({ cachedTokens: 5, cacheWriteTokens: 2, reasoningTokens: 1 });
  });

  it('is read in the words of the older API as well', () => {
    expect(
      readTokenUsage({
        prompt_tokens: 100,
        completion_tokens: 7,
        total_tokens: 107,
        prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 11 },
        completion_tokens_details: { reasoning_tokens: 3 },
      }),
    ).toEqual({
      inputTokens: 100,
      cachedTokens: 40,
      cacheWriteTokens: 11,
      outputTokens: 7,
      reasoningTokens: 3,
      totalTokens: 107,
    });
  });

  it('has the sum as its total when it names none', () => {
    expect(readTokenUsage({ input_tokens: 3, output_tokens: 4 })).toMatchObject({ totalTokens: 7 });
  });

  it.each([
    ['a total that is not the sum', { ...report, total_tokens: 108 }],
    ['more cached than input', { ...report, input_tokens_details: { cached_tokens: 101 } }],
    [
      'more cached and written than input',
      { ...report, input_tokens_details: { cached_tokens: 60, cache_write_tokens: 41 } },
    ],
    [
      'more cached than prompt',
      { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 6 } },
    ],
    ['more reasoning than output', { ...report, output_tokens_details: { reasoning_tokens: 8 } }],
    ['a negative count', { ...report, input_tokens: -1 }],
    ['half a token', { input_tokens: 1.5, output_tokens: 1 }],
    ['text', { input_tokens: '100', output_tokens: 7 }],
    ['no output', { input_tokens: 100 }],
    ['nothing', null],
    ['a list', []],
  ])('counts as none with %s', (_name, contradiction) => {
    expect(readTokenUsage(contradiction)).toBeNull();
  });

  it('never throws, and what it reads never contradicts itself', () => {
    const count = fc.oneof(fc.integer({ min: -2, max: 50 }), fc.constant(null), fc.constant(undefined), fc.double());
    const details = fc.record({ cached_tokens: count, cache_write_tokens: count, reasoning_tokens: count });
    const any = fc.oneof(
      fc.anything(),
      fc.record({ prompt_tokens: count, completion_tokens: count, cached_input_tokens: count, total_tokens: count }),
      fc.record({
        input_tokens: count,
        output_tokens: count,
        total_tokens: count,
        input_tokens_details: details,
        output_tokens_details: details,
      }),
    );
    fc.assert(
      fc.property(any, (each) => {
        const usage = readTokenUsage(each);
        if (!usage) return;
        expect(usage.totalTokens).toBe(usage.inputTokens + usage.outputTokens);
        expect((usage.cachedTokens ?? 0) + (usage.cacheWriteTokens ?? 0)).toBeLessThanOrEqual(usage.inputTokens);
        expect(usage.reasoningTokens ?? 0).toBeLessThanOrEqual(usage.outputTokens);
      }),
      { numRuns: 1000 },
    );
  });
});
