import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unionCatalog, type UnionCatalog } from '../../catalog/union-catalog.ts';
import { openKeyPolicy, type KeyPolicy } from '../../contract/key-policy.ts';
import { effortLevels, type EffortLevel, type ServingMode } from '../../contract/vocabulary.ts';
import { decideKeyPolicy } from '../../api-keys/key-policy.ts';
import { modelFactsOf } from '../apply-key-policy.ts';
import { modelListOf } from './model-list.ts';

const entries = ['gpt-5.5', 'gpt-6.1-sol', 'codex-auto-review'].map((slug) => `{"slug":"${slug}",  "n" : 1.0}`);
const catalog = unionCatalog([
  { accountId: 'a', etag: 'W/"theirs"', body: Buffer.from(`{"models":[${entries.join(',')}]}`) },
]);

function listOf(policy: Partial<KeyPolicy> = {}, { mode = 'auto', of = catalog }: ListOptions = {}) {
  return modelListOf({ catalog: of, policy: { ...openKeyPolicy, ...policy }, servingModeOf: () => mode });
}

interface ListOptions {
  readonly mode?: ServingMode;
  readonly of?: UnionCatalog;
}

describe('the model list of a client', () => {
  it("is the Pool's, ETag and all, when its key allows every model", () => {
    expect(listOf()).toEqual({ body: catalog.body, etag: 'W/"theirs"' });
  });

  it('has the whole entries of the models its key allows, in their order', () => {
    const { body } = listOf({ allowedModels: ['gpt-6.1-sol', 'gpt-5.5', 'gpt-unknown'] });
    expect(body.toString()).toBe(`{"models":[${entries[0]},${entries[1]}]}`);
  });

  it('is empty, and still a list, for a key that allows none', () => {
    expect(listOf({ allowedModels: [] }).body.toString()).toBe('{"models":[]}');
  });

  it('has an ETag of its own, the same for the same models', () => {
    const allowing = (...allowedModels: string[]) => listOf({ allowedModels });
    expect(allowing('gpt-5.5').etag).toBe(allowing('gpt-5.5', 'gpt-unknown').etag);
    expect(allowing('gpt-5.5').etag).not.toBe(allowing('gpt-6.1-sol').etag);
    expect(allowing('gpt-5.5').etag).not.toBe(catalog.etag);
    expect(allowing('gpt-5.5').etag).toMatch(/^W\/"[\w-]{22}"$/);
  });

  it('is JSON with no model that the key does not allow', () => {
    fc.assert(
      fc.property(fc.subarray(['gpt-5.5', 'gpt-6.1-sol', 'codex-auto-review', 'other']), (allowedModels) => {
        const { models } = JSON.parse(listOf({ allowedModels }).body.toString()) as {
          models: { slug: string }[];
        };
        expect(models.map(({ slug }) => slug).toSorted()).toEqual(
          allowedModels.filter((slug) => slug !== 'other').toSorted(),
        );
      }),
    );
  });
});

const thoughtful = unionCatalog([
  {
    accountId: 'a',
    etag: 'W/"theirs"',
    body: Buffer.from(
      `{"models":[${['gpt-5.5', 'gpt-6-luna']
        .map(
          (slug) =>
            `{"slug": "${slug}", "display_name":"${slug.toUpperCase()}", "default_reasoning_level":"medium",` +
            ` "supported_reasoning_levels": [ {"effort":"low", "description":"l"}, {"effort":"medium","description":"m"},{"effort":"high","description":"h"} ], "n":1.0, "use_responses_lite" : ${slug === 'gpt-6-luna'}}`,
        )
        .join(',')}]}`,
    ),
  },
]);

interface Entry {
  readonly slug: string;
  readonly display_name: string;
  readonly default_reasoning_level: string;
  readonly supported_reasoning_levels: { effort: string }[];
  readonly use_responses_lite: boolean;
}

function entriesOf({ body }: { body: Buffer }): Entry[] {
  return (JSON.parse(body.toString()) as { models: Entry[] }).models;
}

describe('the aliases of a key', () => {
  it('are entries of their own: those of the models they stand for, under their own names', () => {
    const list = listOf({ modelAliases: { fast: 'GPT-6-LUNA'.toLowerCase(), gone: 'gpt-4' } }, { of: thoughtful });
    const [first, luna, fast, ...others] = entriesOf(list);
    expect(others).toEqual([]);
    expect([first?.slug, luna?.slug]).toEqual(['gpt-5.5', 'gpt-6-luna']);
    expect(fast).toEqual({ ...luna, slug: 'fast', display_name: 'fast' });
    expect(list.body.toString()).toContain(
      '{"slug": "fast", "display_name":"fast", "default_reasoning_level":"medium",',
    );
  });

  it('stand in the place of a model with the same name, which cannot be asked for', () => {
    const [luna, other, ...others] = entriesOf(
      listOf({ modelAliases: { 'gpt-5.5': 'gpt-6-luna' } }, { of: thoughtful }),
    );
    expect([luna?.slug, other?.slug, other?.use_responses_lite, others]).toEqual(['gpt-6-luna', 'gpt-5.5', true, []]);
  });

  it('lead only to models that the key may use', () => {
    const policy = { allowedModels: ['gpt-5.5'], modelAliases: { fast: 'gpt-6-luna', best: 'gpt-5.5' } };
    expect(entriesOf(listOf(policy, { of: thoughtful })).map(({ slug }) => slug)).toEqual(['gpt-5.5', 'best']);
  });
});

describe('a model that is always used', () => {
  it('is the only one to choose', () => {
    const policy = { enforcedModel: 'gpt-6-luna', modelAliases: { fast: 'gpt-5.5' } };
    const entries = entriesOf(listOf(policy, { of: thoughtful }));
    expect(entries.map(({ slug, use_responses_lite: lite }) => [slug, lite])).toEqual([
      ['gpt-6-luna', true],
      ['fast', true],
    ]);
  });
});

describe('the efforts of a key', () => {
  it('are those of the model up to the highest it may use, each level as the provider wrote it', () => {
    const { body } = listOf({ effort: { rule: 'at_most', level: 'medium' } }, { of: thoughtful });
    expect(body.toString()).toContain(
      '"supported_reasoning_levels": [{"effort":"low", "description":"l"},{"effort":"medium","description":"m"}], "n":1.0,',
    );
    expect(entriesOf({ body })[0]?.default_reasoning_level).toBe('medium');
    const [low] = entriesOf(listOf({ effort: { rule: 'at_most', level: 'low' } }, { of: thoughtful }));
    expect(low?.default_reasoning_level).toBe('low');
  });

  it('leave the list as it is when all are allowed', () => {
    const list = listOf({ effort: { rule: 'at_most', level: 'ultra' } }, { of: thoughtful });
    expect(list).toEqual({ body: thoughtful.body, etag: 'W/"theirs"' });
  });

  it('leave out a model of which none is allowed', () => {
    expect(entriesOf(listOf({ effort: { rule: 'at_most', level: 'none' } }, { of: thoughtful }))).toEqual([]);
  });

  it('are the one that is always used, also when the model does not list it', () => {
    for (const level of ['high', 'ultra'] as const) {
      const [entry] = entriesOf(listOf({ effort: { rule: 'always', level } }, { of: thoughtful }));
      expect(entry?.supported_reasoning_levels.map(({ effort }) => effort)).toEqual([level]);
      expect(entry?.default_reasoning_level).toBe(level);
    }
  });
});

describe("a Pool's choice of how a model is served", () => {
  it('is what its list says, and nothing else changes', () => {
    const lite = listOf({}, { mode: 'lite', of: thoughtful });
    expect(lite.body.toString()).toBe(
      thoughtful.body.toString().replace('"use_responses_lite" : false', '"use_responses_lite" : true'),
    );
    expect(lite.etag).not.toBe(thoughtful.etag);
    expect(entriesOf(listOf({}, { mode: 'full', of: thoughtful })).map((entry) => entry.use_responses_lite)).toEqual([
      false,
      false,
    ]);
  });

  it('is added where the entry does not say', () => {
    expect(listOf({ allowedModels: ['gpt-5.5'] }, { mode: 'lite' }).body.toString()).toBe(
      '{"models":[{"slug":"gpt-5.5",  "n" : 1.0,"use_responses_lite":true}]}',
    );
  });
});

describe('a key whose policy cannot be read', () => {
  it('gets no list', () => {
    expect(() => modelListOf({ catalog, policy: null, servingModeOf: () => 'auto' })).toThrow(
      expect.objectContaining({ code: 'api_key_policy_malformed' }) as Error,
    );
  });
});

describe('what a list offers', () => {
  it('is what the key may ask for: every model with each of its efforts, and nothing that it hides', () => {
    const slugs = ['gpt-5.5', 'gpt-6-luna'];
    const efforts = Object.keys(effortLevels) as EffortLevel[];
    const policies: fc.Arbitrary<KeyPolicy> = fc.record({
      allowedModels: fc.option(fc.subarray(slugs)),
      modelAliases: fc.dictionary(fc.constantFrom('fast', 'best', 'gpt-5.5'), fc.constantFrom(...slugs, 'gone')),
      enforcedModel: fc.option(fc.constantFrom(...slugs, 'gone')),
      effort: fc.option(fc.record({ rule: fc.constantFrom('at_most', 'always'), level: fc.constantFrom(...efforts) })),
      serviceTier: fc.constant(null),
      allowedAddresses: fc.constant(null),
    });
    fc.assert(
      fc.property(policies, (policy) => {
        const factsOf = (model: string) => modelFactsOf(thoughtful.entries, model);
        const may = (model: string, effort: string | null) =>
          decideKeyPolicy({ policy, model, effort, isEffortReadable: true, factsOf }).kind === 'allowed';
        const listed = entriesOf(listOf(policy, { of: thoughtful }));
        for (const { slug, supported_reasoning_levels: levels, default_reasoning_level: usual } of listed)
          for (const effort of [null, usual, ...levels.map((level) => level.effort)])
            expect([slug, effort, may(slug, effort)]).toEqual([slug, effort, true]);
        expect(new Set(listed.map(({ slug }) => slug)).size).toBe(listed.length);
        const names = [...slugs, ...Object.keys(policy.modelAliases)];
        const shown = new Set(listed.map(({ slug }) => slug));
        if (policy.enforcedModel === null)
          for (const name of names.filter((each) => factsOf(policy.modelAliases[each] ?? each)))
            expect([name, shown.has(name)]).toEqual([name, may(name, null)]);
      }),
      { numRuns: 1_000 },
    );
  });
});
