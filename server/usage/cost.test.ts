import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledPrices, readPrices, type Rates } from '../catalog/prices.ts';
import { costOf, type PriceQuestion } from './cost.ts';
import type { Usage } from './usage.ts';

const prices = readPrices({
  asOf: '2026-11-06',
  source: 'https://prices.example/',
  unit: 'micro-USD per token',
  longContextAboveInputTokens: 272_000,
  models: {
    'gpt-full': {
      standard: {
        default: { input: 2, cached: 0.125, cacheWrite: 2.5, output: 10, reasoning: 12 },
        long: { input: 4, cached: 0.25, cacheWrite: 5, output: 15 },
      },
      priority: { default: { input: 4, cached: 0.2, output: 20 } },
      batch: { default: { input: 1, cached: 0.1, output: 5 }, long: null },
    },
  },
});

describe('what an answer costs', () => {
  it('is the sum of its parts, to the thousandth of a micro-dollar', () => {
    const usage = {
      inputTokens: 1_000,
      cachedTokens: 300,
      cacheWriteTokens: 100,
      outputTokens: 50,
      reasoningTokens: 20,
    };
    // 600·2 + 300·0.125 + 100·2.5 + 30·10 + 20·12
    expect(cost({ usage: used(usage) })).toEqual({ micros: '2027.500', status: 'priced' });
  });

  it('counts reasoning as other output where it has no rate of its own', () => {
    const usage = used({ inputTokens: 0, outputTokens: 10, reasoningTokens: 4 });
    expect(cost({ usage, requestedTier: 'priority' }).micros).toBe('200.000');
  });

  it('is by the long rates above 272,000 input tokens, and only above', () => {
    expect(cost({ usage: used({ inputTokens: 272_000 }) }).micros).toBe('544000.000');
    expect(cost({ usage: used({ inputTokens: 272_001 }) }).micros).toBe('1088004.000');
  });

  it('is by the usual rates where there are no long ones', () => {
    const usage = used({ inputTokens: 300_000 });
    expect(cost({ usage, requestedTier: 'priority' }).micros).toBe('1200000.000');
  });

  it('never counts more cached or reasoning tokens than there are', () => {
    expect(cost({ usage: used({ inputTokens: 10, cachedTokens: 50 }) }).micros).toBe('1.250');
    expect(cost({ usage: used({ outputTokens: 10, reasoningTokens: 50 }) }).micros).toBe('120.000');
  });

  it('is nothing for nothing, written as a number', () => {
    expect(cost({ usage: used({}) })).toEqual({ micros: '0.000', status: 'priced' });
    expect(cost({ usage: used({ inputTokens: 1, cachedTokens: 1 }) }).micros).toBe('0.125');
  });
});

describe('the tier', () => {
  it.each([
    [null, null, 'standard'],
    ['default', null, 'standard'],
    [' Standard ', null, 'standard'],
    ['', '', 'standard'],
    ['fast', null, 'priority'],
    ['PRIORITY', null, 'priority'],
    ['priority', 'default', 'standard'],
    [null, 'priority', 'priority'],
    ['auto', 'priority', 'priority'],
    ['fast', 'auto', 'priority'],
    ['batch', 'default', 'standard'],
    [null, 'batch', 'batch'],
    ['batch', ' Batch', 'batch'],
  ])('asked for %s and served as %s is %s', (requestedTier, servedTier, tier) => {
    const micros = { standard: '2.000', priority: '4.000', batch: '1.000' }[tier];
    expect(cost({ usage: used({ inputTokens: 1 }), requestedTier, servedTier }).micros).toBe(micros);
  });
});

describe('an answer that cannot be priced', () => {
  it.each([
    ['an unknown model', { model: 'gpt-unknown' }, 'unpriced_missing_model'],
    ['a tier without a price', { requestedTier: 'flex' }, 'unpriced_missing_tier'],
    ['a tier that nobody knows', { requestedTier: 'auto', servedTier: null }, 'unpriced_auto_tier'],
    ['batch that nobody confirmed', { requestedTier: 'batch' }, 'unpriced_batch_tier'],
    [
      'a context without a price',
      { servedTier: 'batch', usage: used({ inputTokens: 272_001 }) },
      'unpriced_unavailable_price_bucket',
    ],
    ['auto, served as auto', { requestedTier: 'auto', servedTier: 'auto' }, 'unpriced_auto_tier'],
    [
      'cache writes without a rate',
      { requestedTier: 'priority', usage: used({ inputTokens: 5, cacheWriteTokens: 1 }) },
      'unpriced_missing_cache_write_rate',
    ],
  ] as const)('for %s says so instead of costing nothing', (_name, question, status) => {
    expect(cost(question)).toEqual({ micros: null, status });
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('may even be called %s', (name) => {
    expect(cost({ model: name })).toEqual({ micros: null, status: 'unpriced_missing_model' });
    expect(cost({ requestedTier: name })).toEqual({ micros: null, status: 'unpriced_missing_tier' });
    expect(cost({ model: name, requestedTier: name }).status).toBe('unpriced_missing_model');
  });
});

describe('against an independent computation', () => {
  const count = fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.maxSafeNat());
  const part = fc.option(fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.maxSafeNat()));

  it('every bundled price gives the same cost', () => {
    const bundled = bundledPrices();
    const models = ['gpt-6-astra', 'gpt-6.1-sol', 'gpt-6.1-terra', 'gpt-6-luna', 'gpt-5.5', 'gpt-5.6-luna-2026-08-07'];
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.record({
          inputTokens: count,
          cachedTokens: part,
          cacheWriteTokens: part,
          outputTokens: count,
          reasoningTokens: part,
        }),
        (model, counts) => {
          const usage: Usage = { ...counts, totalTokens: 0 };
          const { micros, status } = costOf({ model, usage, requestedTier: null, servedTier: 'default' }, bundled);
          const buckets = bundled.tiersOf(model)?.['standard'];
          const rates = (usage.inputTokens > 272_000 ? buckets?.long : undefined) ?? buckets?.default;
          if (!rates) throw new Error(`no price for ${model}`);
          if (rates.cacheWrite === undefined && (usage.cacheWriteTokens ?? 0) > 0) {
            expect(status).toBe('unpriced_missing_cache_write_rate');
            return;
          }
          expect(micros).toBe(textOf(exactNanos(usage, rates)));
        },
      ),
      { numRuns: 500 },
    );
  });
});

function cost(question: Partial<PriceQuestion>) {
  return costOf({ model: 'gpt-full', usage: used({}), requestedTier: null, servedTier: null, ...question }, prices);
}

function used(counts: Partial<Usage>): Usage {
  return {
    inputTokens: 0,
    cachedTokens: null,
    cacheWriteTokens: null,
    outputTokens: 0,
    reasoningTokens: null,
    totalTokens: 0,
    ...counts,
  };
}

/** The formula of gateway spec 11.3 in whole numbers, rates read digit by digit. */
function exactNanos(usage: Usage, rates: Rates): bigint {
  const rate = (value: number) => {
    const [whole = '0', decimals = ''] = value.toFixed(3).split('.');
    return BigInt(whole) * 1_000n + BigInt(decimals);
  };
  const min = (a: bigint, b: bigint) => (a < b ? a : b);
  const input = BigInt(usage.inputTokens);
  const output = BigInt(usage.outputTokens);
  const cached = min(BigInt(usage.cachedTokens ?? 0), input);
  const writes = BigInt(usage.cacheWriteTokens ?? 0);
  const plain = input - cached - writes;
  const reasoning = min(BigInt(usage.reasoningTokens ?? 0), output);
  return (
    (plain > 0n ? plain : 0n) * rate(rates.input) +
    cached * rate(rates.cached) +
    writes * rate(rates.cacheWrite ?? 0) +
    (output - reasoning) * rate(rates.output) +
    reasoning * rate(rates.reasoning ?? rates.output)
  );
}

function textOf(nanos: bigint): string {
  return `${nanos / 1_000n}.${String(nanos % 1_000n).padStart(3, '0')}`;
}
