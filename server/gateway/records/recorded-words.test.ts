import { describe, expect, it } from 'vitest';
import { makeAsk, makeClient, makeExchange } from '../../../test/support/exchange.ts';
import { unlimited } from '../../api-keys/limit-book.ts';
import { bundledPrices } from '../../catalog/prices.ts';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { openKeyPolicy, type KeyPolicy } from '../../contract/key-policy.ts';
import type { Ask, Exchange } from '../exchange.ts';
import { recordedWords } from './recorded-words.ts';

const entry: CatalogEntry = {
  slug: 'Gpt-Of-The-Pool',
  bytes: Buffer.from(
    JSON.stringify({
      slug: 'Gpt-Of-The-Pool',
      supported_reasoning_levels: [{ effort: 'deepest' }],
      additional_speed_tiers: ['soonest'],
    }),
  ),
};

function wordsOf(ask: Partial<Ask>, given: { policy?: Partial<KeyPolicy>; limits?: Partial<Exchange['limits']> } = {}) {
  const client = makeClient({ policy: { ...openKeyPolicy, ...given.policy } });
  const exchange = makeExchange({ client, ask: makeAsk(ask), limits: { ...unlimited, ...given.limits } });
  return recordedWords(exchange, { entries: [entry], prices: bundledPrices() });
}

describe('the model in records', () => {
  it.each([
    ["a model of the Pool's list, in the list's spelling", ' gpt-OF-the-pool ', {}, 'Gpt-Of-The-Pool'],
    ['one that has a price', 'GPT-5.5', {}, 'gpt-5.5'],
    ['one that draws', 'gpt-image-2', {}, 'gpt-image-2'],
    ['one that hears', 'whisper-1', {}, 'whisper-1'],
    ['an alias of the key', 'Mine', { policy: { modelAliases: { mine: 'other' } } }, 'mine'],
    ['what an alias stands for', 'other', { policy: { modelAliases: { mine: 'other' } } }, 'other'],
    ['the one model of a key', 'only', { policy: { enforcedModel: 'only' } }, 'only'],
    ['one that the key may use', 'allowed', { policy: { allowedModels: ['allowed'] } }, 'allowed'],
    ['one that the key is limited in', 'limited', { limits: { isLimited: true, namesModel: true } }, 'limited'],
  ])('is kept of %s', (_name, model, given, expected) => {
    expect(wordsOf({ model }, given)).toMatchObject({ model: expected, requestedModel: expected });
  });

  it.each(['canary-model', 'constructor', 'gpt-5.5-canary', 'canary/gpt-5.5', 'gpt-5.5 canary', 'gpt-5.5-12345678'])(
    'is one word for all that nobody but the client names: %s',
    (model) => expect(wordsOf({ model })).toMatchObject({ model: '(unlisted)', requestedModel: '(unlisted)' }),
  );

  it("is not the client's word because a limit names the model that its policy led to", () => {
    const given = { limits: { isLimited: true, namesModel: true } };
    const words = wordsOf({ model: 'limited', requestedModel: 'canary' }, given);
    expect(words).toMatchObject({ model: 'limited', requestedModel: '(unlisted)' });
  });

  it('is none where the call has none', () => {
    expect(wordsOf({ model: '', requestedModel: '' })).toMatchObject({ model: null, requestedModel: null });
  });
});

describe('tier and effort in records', () => {
  it.each([
    ['priority', 'xhigh'],
    ['ultrafast', 'none'],
    ['soonest', 'deepest'],
    [null, null],
  ])("are kept where they are the program's or the model's: %s, %s", (requestedTier, reasoningEffort) => {
    const ask = { model: 'gpt-of-the-pool', requestedTier, reasoningEffort };
    expect(wordsOf(ask)).toMatchObject({ requestedTier, reasoningEffort });
  });

  it("are one word where they are the client's alone", () => {
    const words = wordsOf({ requestedTier: 'canary', reasoningEffort: 'canary' });
    expect(words).toMatchObject({ requestedTier: '(unlisted)', reasoningEffort: '(unlisted)' });
  });
});
