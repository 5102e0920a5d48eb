import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openKeyPolicy, type KeyPolicy } from '../contract/key-policy.ts';
import { effortLevels, type EffortLevel } from '../contract/vocabulary.ts';
import { decideKeyPolicy, mayUseModel, type ModelFacts, type PolicyQuestion } from './key-policy.ts';

const ladder = Object.keys(effortLevels) as EffortLevel[];
const models: readonly ModelFacts[] = [
  { slug: 'gpt-5.5', efforts: ['low', 'medium', 'high', 'xhigh'], defaultEffort: 'medium' },
  { slug: 'GPT-6-Luna', efforts: ['low', 'medium', 'max', 'ultra'], defaultEffort: 'low' },
  { slug: 'silent', efforts: null, defaultEffort: null },
];
const factsOf = (model: string) => models.find(({ slug }) => slug.toLowerCase() === model.trim().toLowerCase());

function decide(policy: Partial<KeyPolicy>, asked: Partial<PolicyQuestion> = {}) {
  const question = { model: 'gpt-5.5', effort: null, isEffortReadable: true, factsOf, ...asked };
  return decideKeyPolicy({ ...question, policy: { ...openKeyPolicy, ...policy } });
}

describe('a key without restrictions', () => {
  it('changes nothing, whatever is asked', () => {
    const asked = fc.record({
      model: fc.stringMatching(/^[a-z]{1,5}$/),
      effort: fc.option(fc.string()),
      isEffortReadable: fc.boolean(),
    });
    fc.assert(
      fc.property(asked, (each) => {
        expect(decide({}, each)).toEqual({ kind: 'allowed', model: each.model, changes: {} });
      }),
    );
  });
});

describe('a key whose policy cannot be read', () => {
  it('may do nothing', () => {
    const question = { model: 'gpt-5.5', effort: null, isEffortReadable: true, factsOf };
    expect(decideKeyPolicy({ ...question, policy: null })).toEqual({
      kind: 'refused',
      code: 'api_key_policy_malformed',
      model: 'gpt-5.5',
    });
  });
});

describe('the model of a request', () => {
  it('is the one an alias stands for, in the spelling of the provider, whatever the case of the alias', () => {
    for (const model of ['fast', ' FAST '])
      expect(decide({ modelAliases: { fast: 'gpt-6-luna' } }, { model })).toEqual({
        kind: 'allowed',
        model: 'GPT-6-Luna',
        changes: { model: 'GPT-6-Luna' },
      });
  });

  it('is the enforced one, whatever is asked, also by an alias', () => {
    const policy = { enforcedModel: 'gpt-5.5', modelAliases: { fast: 'gpt-6-luna' } };
    for (const model of ['fast', 'gpt-6-luna', 'unheard-of'])
      expect(decide(policy, { model })).toMatchObject({ model: 'gpt-5.5', changes: { model: 'gpt-5.5' } });
  });

  it('is spelt as the provider spells it', () => {
    for (const model of ['gpt-6-LUNA', ' GPT-6-Luna '])
      expect(decide({ allowedModels: ['gpt-6-luna'] }, { model })).toEqual({
        kind: 'allowed',
        model: 'GPT-6-Luna',
        changes: { model: 'GPT-6-Luna' },
      });
  });

  it('must be allowed as it is asked of the provider, not as the client named it', () => {
    const modelAliases = { fast: 'gpt-6-luna' };
    expect(decide({ modelAliases, allowedModels: ['gpt-6-luna'] }, { model: 'fast' }).kind).toBe('allowed');
    expect(decide({ modelAliases, allowedModels: ['fast'] }, { model: 'fast' })).toMatchObject({
      kind: 'refused',
      code: 'model_not_allowed',
      model: 'GPT-6-Luna',
    });
    const forced = { enforcedModel: 'gpt-5.5', allowedModels: ['gpt-5.5'] };
    expect(decide(forced, { model: 'gpt-6-luna' })).toMatchObject({ kind: 'allowed', model: 'gpt-5.5' });
  });

  it('is refused before its effort is', () => {
    const policy = { allowedModels: [], effort: { rule: 'at_most', level: 'low' } } as const;
    expect(decide({ ...policy, allowedModels: [] }, { effort: 'ultra' })).toMatchObject({ code: 'model_not_allowed' });
  });

  it('named like something every object has is no alias', () => {
    for (const model of ['constructor', '__proto__', 'toString'])
      expect(decide({ modelAliases: { fast: 'gpt-5.5' } }, { model })).toMatchObject({ model, changes: {} });
  });

  it.each([
    [null, 'anything', true],
    [[], 'gpt-5.5', false],
    [['gpt-5.5'], ' Gpt-5.5 ', true],
    [['gpt-5.5'], 'gpt-5.5-mini', false],
    [['gpt-5.5-mini'], 'gpt-5.5', false],
  ])('allowed as %j: may %s be used? %s', (allowedModels, model, may) => {
    expect(mayUseModel({ allowedModels }, model)).toBe(may);
  });
});

describe('a highest effort', () => {
  const atMost = (level: EffortLevel) => ({ effort: { rule: 'at_most', level } }) as const;

  it('lets pass what is not above it, untouched', () => {
    expect(decide(atMost('high'), { effort: 'high' })).toMatchObject({ kind: 'allowed', changes: {} });
    expect(decide(atMost('high'), { effort: 'low' })).toMatchObject({ kind: 'allowed', changes: {} });
  });

  it.each([
    ['above it', 'xhigh', true],
    ['that the model does not know', 'none', true],
    ['that nobody knows', 'extreme', true],
    ['in another case', 'High', true],
    ['that is no word', null, false],
  ])('refuses an effort %s, instead of lowering it', (_name, effort, isEffortReadable) => {
    expect(decide(atMost('high'), { effort, isEffortReadable })).toEqual({
      kind: 'refused',
      code: 'reasoning_effort_not_allowed',
      model: 'gpt-5.5',
      allowedEfforts: ['low', 'medium', 'high'],
    });
  });

  it("gives a request without one the model's default where it is allowed, else the highest that is", () => {
    expect(decide(atMost('high'))).toMatchObject({ changes: { effort: 'medium' } });
    expect(decide(atMost('low'))).toMatchObject({ changes: { effort: 'low' } });
    expect(decide(atMost('high'), { model: 'silent' })).toMatchObject({ changes: { effort: 'high' } });
  });

  it('takes the usual efforts for those of a model that names none or is not listed', () => {
    for (const model of ['silent', 'unlisted']) {
      expect(decide(atMost('xhigh'), { model, effort: 'low' }).kind).toBe('allowed');
      expect(decide(atMost('xhigh'), { model, effort: 'minimal' }).kind).toBe('refused');
    }
  });

  it('below all that the model knows refuses everything', () => {
    expect(decide(atMost('minimal'))).toMatchObject({ kind: 'refused', allowedEfforts: [] });
  });

  it('is never exceeded, whatever is asked of whichever model', () => {
    const asked = fc.record({
      model: fc.constantFrom('gpt-5.5', 'gpt-6-luna', 'silent', 'unlisted'),
      effort: fc.option(fc.oneof(fc.constantFrom(...ladder), fc.string())),
      isEffortReadable: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.constantFrom(...ladder), asked, (level, each) => {
        const verdict = decide(atMost(level), each);
        if (verdict.kind === 'refused') return;
        const sent = (verdict.changes.effort ?? each.effort) as EffortLevel;
        expect(ladder.indexOf(sent)).toBeGreaterThanOrEqual(0);
        expect(ladder.indexOf(sent)).toBeLessThanOrEqual(ladder.indexOf(level));
      }),
    );
  });
});

describe('an effort that is always used', () => {
  const always = (level: EffortLevel) => ({ effort: { rule: 'always', level } }) as const;

  it('replaces what is asked, also when the model does not list it', () => {
    for (const asked of [{ effort: 'xhigh' }, { effort: null }, { effort: null, isEffortReadable: false }])
      expect(decide(always('none'), asked)).toMatchObject({ kind: 'allowed', changes: { effort: 'none' } });
  });

  it('goes out in words that the provider finishes with', () => {
    expect(decide(always('ultra'))).toMatchObject({ changes: { effort: 'xhigh' } });
    expect(decide(always('ultra'), { model: 'gpt-6-luna' })).toMatchObject({ changes: { effort: 'max' } });
    expect(decide(always('minimal'))).toMatchObject({ changes: { effort: 'low' } });
  });
});

describe('a service tier', () => {
  it('that is always used is set, or taken out where the provider chooses', () => {
    expect(decide({ serviceTier: 'priority' })).toMatchObject({ changes: { serviceTier: 'priority' } });
    for (const serviceTier of ['auto', 'default'] as const)
      expect(decide({ serviceTier })).toMatchObject({ changes: { serviceTier: null } });
  });
});
