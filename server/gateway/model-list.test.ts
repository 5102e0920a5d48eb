import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeClient } from '../../test/support/exchange.ts';
import { unionCatalog } from '../catalog/union-catalog.ts';
import { modelListOf } from './model-list.ts';

const entries = ['gpt-5.5', 'gpt-6.1-sol', 'codex-auto-review'].map((slug) => `{"slug":"${slug}",  "n" : 1.0}`);
const catalog = unionCatalog([
  { accountId: 'a', etag: 'W/"theirs"', body: Buffer.from(`{"models":[${entries.join(',')}]}`) },
]);

describe('the model list of a client', () => {
  it("is the Pool's, ETag and all, when its key allows every model", () => {
    expect(modelListOf(catalog, makeClient())).toEqual({ body: catalog.body, etag: 'W/"theirs"' });
  });

  it('has the whole entries of the models its key allows, in their order', () => {
    const { body } = modelListOf(catalog, makeClient({ allowedModels: [' GPT-6.1-Sol', 'gpt-5.5', 'gpt-unknown'] }));
    expect(body.toString()).toBe(`{"models":[${entries[0]},${entries[1]}]}`);
  });

  it('is empty, and still a list, for a key that allows none', () => {
    expect(modelListOf(catalog, makeClient({ allowedModels: [] })).body.toString()).toBe('{"models":[]}');
  });

  it('has an ETag of its own, the same for the same models', () => {
    const listOf = (...allowedModels: string[]) => modelListOf(catalog, makeClient({ allowedModels }));
    expect(listOf('gpt-5.5').etag).toBe(listOf('GPT-5.5').etag);
    expect(listOf('gpt-5.5').etag).not.toBe(listOf('gpt-6.1-sol').etag);
    expect(listOf('gpt-5.5').etag).not.toBe(catalog.etag);
    expect(listOf('gpt-5.5').etag).toMatch(/^W\/"[0-9a-f]{32}"$/);
  });

  it('is JSON with no model that the key does not allow', () => {
    fc.assert(
      fc.property(fc.subarray(['gpt-5.5', 'gpt-6.1-sol', 'codex-auto-review', 'other']), (allowedModels) => {
        const { models } = JSON.parse(modelListOf(catalog, makeClient({ allowedModels })).body.toString()) as {
          models: { slug: string }[];
        };
        expect(models.map(({ slug }) => slug).toSorted()).toEqual(
          allowedModels.filter((slug) => slug !== 'other').toSorted(),
        );
      }),
    );
  });
});
