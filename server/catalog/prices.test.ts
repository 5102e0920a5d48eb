import { describe, expect, it } from 'vitest';
import { bundledPrices, readPrices } from './prices.ts';

const file = {
  asOf: '2026-11-06',
  source: 'https://prices.example/',
  unit: 'micro-USD per token',
  longContextAboveInputTokens: 272_000,
  models: { 'gpt-5.5': { standard: { default: { input: 5, cached: 0.5, output: 30 } } } },
};

describe('the bundled price list', () => {
  it('can be read, and says when and where its numbers were true', () => {
    const prices = bundledPrices();
    expect(prices.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(new URL(prices.source).protocol).toBe('https:');
    expect(prices.longContextAboveInputTokens).toBe(272_000);
  });

  it('has the standard price of every model that the newest Codex lists', () => {
    for (const model of ['gpt-6-astra', 'gpt-6.1-sol', 'gpt-6.1-terra', 'gpt-6-sol', 'gpt-6-luna', 'gpt-5.5'])
      expect(bundledPrices().tiersOf(model)?.['standard']?.default?.input, model).toBeGreaterThan(0);
  });
});

describe('a model', () => {
  it('is found in any case and with the date of its version', () => {
    const prices = readPrices(file);
    for (const name of ['gpt-5.5', ' GPT-5.5 ', 'gpt-5.5-2026-03-05', 'gpt-5.5-20260305', 'gpt-5.5-latest'])
      expect(prices.tiersOf(name), name).toBe(prices.tiersOf('gpt-5.5'));
    expect(prices.tiersOf('gpt-5.5')).toBeDefined();
  });

  it('that is only similar has no price', () => {
    for (const name of ['gpt-5', 'gpt-5.5-mini', 'gpt-5.5-2026', '', 'constructor', '__proto__', 'toString'])
      expect(readPrices(file).tiersOf(name), name).toBeUndefined();
  });
});

describe('a price list', () => {
  const withRates = (rates: unknown) => ({ ...file, models: { m: { standard: { default: rates } } } });
  it.each([
    ['a negative rate', withRates({ input: -1, cached: 0, output: 1 })],
    ['more decimals than are counted', withRates({ input: 0.0001, cached: 0, output: 1 })],
    ['a missing rate', withRates({ input: 1, cached: 0 })],
    ['a rate nobody knows', withRates({ input: 1, cached: 0, output: 1, audio: 3 })],
    ['a source that is no web address', { ...file, source: 'javascript:alert(1)' }],
    ['no date', { ...file, asOf: 'yesterday' }],
  ])('with %s is refused', (_name, bad) => {
    expect(() => readPrices(bad)).toThrow();
  });
});
