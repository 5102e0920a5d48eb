/**
 * What a translated request asks of the provider: the model that its name means, what the key's policy makes of it, and
 * whether that model is served in its lite form. Pure.
 */
import { decideKeyPolicy } from '../../api-keys/key-policy.ts';
import { entryOf } from '../../catalog/model-facts.ts';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { KeyPolicy } from '../../contract/key-policy.ts';
import type { ServingMode } from '../../contract/vocabulary.ts';
import { isRecord, listOf, recordOf, textOf, type JsonRecord } from '../../lib/json-values.ts';
import { modelFactsOf, policyRefusal } from '../apply-key-policy.ts';
import { badValue, unsupported } from '../dialects/openai/bad-request.ts';
import { readModelName } from '../dialects/openai/model-names.ts';
import type { PublicRequest } from '../dialects/openai/public-request.ts';
import type { CodexChoices } from '../dialects/openai/to-codex-body.ts';

export interface PublicScene {
  readonly policy: KeyPolicy | null;
  /** The Pool's model list. */
  readonly entries: readonly CatalogEntry[];
  /** How the Pool has a model served. */
  readonly servingModeOf: (model: string) => ServingMode;
  /** What the surface calls the field that names an effort. */
  readonly effortField: string;
}

export interface PublicChoice {
  /** The model that its name means; where it means none, the name itself. */
  readonly namedModel: string;
  /** Refused or not, records name its model. */
  readonly choices: CodexChoices;
  /** `invalid_model`, what the key's policy forbids, or what the model does not know. */
  readonly refusal: GatewayError | null;
}

export function chooseForPublic(request: PublicRequest, scene: PublicScene): PublicChoice {
  const { policy, entries } = scene;
  const aliases = Object.keys(policy?.modelAliases ?? {});
  const named = readModelName(request.model, [...entries.map(({ slug }) => slug), ...aliases]);
  const isForced = policy !== null && policy.enforcedModel !== null;
  const namedModel = named.model ?? request.model;
  const effort = request.effort ?? named.effort;
  const asked = {
    model: namedModel,
    effort,
    tier: request.tier ?? named.tier,
    isLite: false,
    takesSummary: true,
  };
  if (named.model === null && !isForced)
    return { namedModel, choices: asked, refusal: new GatewayError('invalid_model', { param: 'model' }) };
  const verdict = decideKeyPolicy({
    policy,
    model: asked.model,
    effort,
    isEffortReadable: true,
    factsOf: (name) => modelFactsOf(entries, name),
  });
  if (verdict.kind === 'refused')
    return {
      namedModel,
      choices: { ...asked, model: verdict.model },
      refusal: policyRefusal(verdict, scene.effortField),
    };
  const { model, changes } = verdict;
  const facts = servingFacts(entries, model);
  const mode = scene.servingModeOf(model);
  const choices = {
    model,
    effort: changes.effort ?? effort,
    tier: changes.serviceTier === undefined ? asked.tier : changes.serviceTier,
    // The Pool's word counts over the list's (gateway spec 2.7).
    isLite: mode === 'auto' ? facts.isLite : mode === 'lite',
    takesSummary: facts.takesSummary,
  };
  return { namedModel, choices, refusal: whatModelCannot(request, { choices, facts }) };
}

/** What was asked in terms that only some models know. */
function whatModelCannot(
  { toolChoice, toolTypes }: PublicRequest,
  { choices, facts }: { choices: CodexChoices; facts: ServingFacts },
): GatewayError | null {
  const { tiers, tools } = facts;
  if (choices.tier === 'ultrafast' && !tiers.has('ultrafast'))
    return badValue('service_tier', 'must be one that this model offers');
  if (choices.isLite && isRecord(toolChoice))
    return unsupported('tool_choice', 'This model takes only auto, none or required.');
  const unknown = listedTools.find((type) => toolTypes.has(type) && !tools.has(type));
  if (unknown) return badValue('tools', `must not hold ${unknown}, which this model does not offer`);
  return null;
}

/** Tools that the provider has for some models only (v1 spec 2.3). */
const listedTools = ['tool_search', 'programmatic_tool_calling'] as const;

/** What a model list says of how a model is served. */
export interface ServingFacts {
  readonly isLite: boolean;
  readonly isHidden: boolean;
  readonly takesSummary: boolean;
  readonly tiers: ReadonlySet<string>;
  /** Those of `listedTools` that it offers. */
  readonly tools: ReadonlySet<string>;
}

/** Entries live as long as their list; what was read of one is kept beside it. */
const known = new WeakMap<CatalogEntry, ServingFacts>();

export function servingFacts(entries: readonly CatalogEntry[], model: string): ServingFacts {
  const entry = entryOf(entries, model);
  if (!entry) return { isLite: false, isHidden: false, takesSummary: true, tiers: new Set(), tools: new Set() };
  const kept = known.get(entry);
  if (kept) return kept;
  const read = JSON.parse(entry.bytes.toString('utf8')) as JsonRecord;
  const facts = {
    isLite: read['use_responses_lite'] === true,
    isHidden: read['visibility'] === 'hide' || read['visibility'] === 'hidden',
    takesSummary: read['supports_reasoning_summaries'] !== false,
    tiers: new Set([
      ...listOf(read['service_tiers']).map((tier) => textOf(recordOf(tier)['id'])),
      ...listOf(read['additional_speed_tiers']).map(textOf),
    ]),
    tools: new Set([
      ...(read['supports_search_tool'] === true ? ['tool_search'] : []),
      // A model that works in code calls its tools from there.
      ...(textOf(read['tool_mode']).startsWith('code_mode') ? ['programmatic_tool_calling'] : []),
      ...listOf(read['experimental_supported_tools']).map(textOf),
    ]),
  };
  known.set(entry, facts);
  return facts;
}
