/**
 * What a key makes of a request: the model that is asked of the provider, the effort, the tier, or a refusal. In this
 * order: alias, enforced model, list of allowed models, effort (gateway spec 2.3, 2.5). Pure.
 */
import { effortLevels, type EffortLevel } from '../contract/vocabulary.ts';
import type { KeyPolicy } from '../contract/key-policy.ts';

/** What a model's entry in the Pool's list says. */
export interface ModelFacts {
  /** As the provider spells it. */
  readonly slug: string;
  /** Efforts it knows; null when its entry does not say. */
  readonly efforts: readonly string[] | null;
  readonly defaultEffort: string | null;
}

export interface PolicyQuestion {
  /** null: what is stored cannot be read. */
  readonly policy: KeyPolicy | null;
  /** As the client wrote it. */
  readonly model: string;
  /** null when the client leaves it to the model. */
  readonly effort: string | null;
  /** False when the client names an effort that is no word at all. */
  readonly isEffortReadable: boolean;
  /** What the Pool's list says of a model, whatever its case. */
  readonly factsOf: (model: string) => ModelFacts | undefined;
}

/** What is asked of the provider instead; an absent field stays as the client has it. */
export interface PolicyChanges {
  readonly model?: string;
  readonly effort?: string;
  /** null: none is named, so that the provider's own holds. */
  readonly serviceTier?: string | null;
}

export type PolicyVerdict =
  | { readonly kind: 'allowed'; readonly model: string; readonly changes: PolicyChanges }
  | {
      readonly kind: 'refused';
      readonly code: 'api_key_policy_malformed' | 'model_not_allowed' | 'reasoning_effort_not_allowed';
      /** What would have been asked of the provider. */
      readonly model: string;
      /** Efforts the client may ask instead, from least to most. */
      readonly allowedEfforts?: readonly string[];
    };

/** @example decideKeyPolicy({ policy: client.policy, model: ask.model, … }) */
export function decideKeyPolicy(question: PolicyQuestion): PolicyVerdict {
  const { policy, model: requested, factsOf } = question;
  if (!policy) return { kind: 'refused', code: 'api_key_policy_malformed', model: requested };
  const target = targetModel(policy, requested) ?? requested.trim();
  const facts = factsOf(target);
  // The provider compares letter by letter, and would refuse the account a model that it serves.
  const model = facts?.slug ?? target;
  if (!mayUseModel(policy, model)) return { kind: 'refused', code: 'model_not_allowed', model };
  const effort = decideEffort(question, facts);
  if (effort.kind === 'refused')
    return { kind: 'refused', code: 'reasoning_effort_not_allowed', model, allowedEfforts: effort.allowed };
  const { serviceTier: tier } = policy;
  return {
    kind: 'allowed',
    model,
    changes: {
      ...(model === requested ? {} : { model }),
      ...(effort.set === null ? {} : { effort: effort.set }),
      // The provider knows no such words: to name none means the same (wire spec B12).
      ...(tier === null ? {} : { serviceTier: tier === 'auto' || tier === 'default' ? null : tier }),
    },
  };
}

/** The model that a name leads to under this policy; null when it is left as it is. */
export function targetModel(
  { enforcedModel, modelAliases }: Pick<KeyPolicy, 'enforcedModel' | 'modelAliases'>,
  name: string,
): string | null {
  const plain = plainName(name);
  return enforcedModel ?? (Object.hasOwn(modelAliases, plain) ? (modelAliases[plain] ?? null) : null);
}

/** May the model be asked of the provider? Case and spaces do not matter; an empty list allows none. */
export function mayUseModel({ allowedModels }: Pick<KeyPolicy, 'allowedModels'>, model: string): boolean {
  return allowedModels === null || allowedModels.includes(plainName(model));
}

/**
 * The efforts of a model that this policy lets a client ask for, from least to most; null when it lets it ask for any.
 */
export function allowedEfforts({ effort }: Pick<KeyPolicy, 'effort'>, facts: ModelFacts | undefined): string[] | null {
  if (effort === null) return null;
  if (effort.rule === 'always') return [effort.level];
  const known = facts?.efforts ?? usualEfforts;
  return ladder.slice(0, ladder.indexOf(effort.level) + 1).filter((level) => known.includes(level));
}

/** What a request without an effort gets: the model's default where it is allowed, else the most that is. */
export function effortWhenOmitted(allowed: readonly string[], facts: ModelFacts | undefined): string | null {
  const usual = facts?.defaultEffort ?? null;
  return usual !== null && allowed.includes(usual) ? usual : (allowed.at(-1) ?? null);
}

const ladder = Object.keys(effortLevels) as EffortLevel[];
/** Of models whose entry does not say (product spec 5.3). */
const usualEfforts: readonly string[] = ['low', 'medium', 'high', 'xhigh'];

/** Is the model list of such a key another than its Pool's? */
export function hasListOfItsOwn(policy: KeyPolicy | null): boolean {
  if (!policy) return true;
  const { allowedModels, modelAliases, enforcedModel, effort } = policy;
  const isOpen = allowedModels === null && enforcedModel === null && effort === null;
  return !isOpen || Object.keys(modelAliases).length > 0;
}

type EffortVerdict =
  | { readonly kind: 'allowed'; readonly set: string | null }
  | { readonly kind: 'refused'; readonly allowed: readonly string[] };

/**
 * Above the highest level is refused, never lowered: the client would take the answer for what it asked.
 *
 * @returns what is asked of the provider instead, null for what the client has.
 */
export function decideEffort(
  { policy, effort: asked, isEffortReadable }: Pick<PolicyQuestion, 'policy' | 'effort' | 'isEffortReadable'>,
  facts: ModelFacts | undefined,
): EffortVerdict {
  const allowed = policy && allowedEfforts(policy, facts);
  if (!policy?.effort || allowed === null) return { kind: 'allowed', set: null };
  if (policy.effort.rule === 'always') return { kind: 'allowed', set: sentEffort(policy.effort.level, facts) };
  if (isEffortReadable && asked !== null && allowed.includes(asked)) return { kind: 'allowed', set: null };
  const omitted = isEffortReadable && asked === null ? effortWhenOmitted(allowed, facts) : null;
  return omitted === null ? { kind: 'refused', allowed } : { kind: 'allowed', set: sentEffort(omitted, facts) };
}

/**
 * Words as the provider takes them (wire spec B12): `ultra` is a level of clients only, and with `minimal` a model that
 * does not list it never finishes. Neither goes above what was allowed.
 */
function sentEffort(level: string, facts: ModelFacts | undefined): string {
  const isListed = (word: string) => facts?.efforts?.includes(word) ?? false;
  if (level === 'minimal' && !isListed(level)) return 'low';
  if (level === 'ultra') return isListed('max') ? 'max' : 'xhigh';
  return level;
}

function plainName(model: string): string {
  return model.trim().toLowerCase();
}
