/**
 * What a translated request asks of the provider: the model that its name means, what the key's policy makes of it, and
 * whether that model is served in its lite form. Pure.
 */
import { decideKeyPolicy } from '../api-keys/key-policy.ts';
import { entryOf } from '../catalog/model-facts.ts';
import type { CatalogEntry } from '../catalog/split-catalog.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { KeyPolicy } from '../contract/key-policy.ts';
import type { ServingMode } from '../contract/vocabulary.ts';
import { modelFactsOf, policyRefusal } from './apply-key-policy.ts';
import { readModelName } from './dialects/openai/model-names.ts';
import type { PublicRequest } from './dialects/openai/public-request.ts';
import type { CodexChoices } from './dialects/openai/to-codex-body.ts';

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
  /** Refused or not, records name its model. */
  readonly choices: CodexChoices;
  /** `invalid_model`, or what the key's policy forbids. */
  readonly refusal: GatewayError | null;
}

export function chooseForPublic(request: PublicRequest, scene: PublicScene): PublicChoice {
  const { policy, entries } = scene;
  const aliases = Object.keys(policy?.modelAliases ?? {});
  const named = readModelName(request.model, [...entries.map(({ slug }) => slug), ...aliases]);
  const isForced = policy !== null && policy.enforcedModel !== null;
  const effort = request.effort ?? named.effort;
  const asked = { model: named.model ?? request.model, effort, tier: request.tier ?? named.tier, isLite: false };
  if (named.model === null && !isForced)
    return { choices: asked, refusal: new GatewayError('invalid_model', { param: 'model' }) };
  const verdict = decideKeyPolicy({
    policy,
    model: asked.model,
    effort,
    isEffortReadable: true,
    factsOf: (name) => modelFactsOf(entries, name),
  });
  if (verdict.kind === 'refused')
    return { choices: { ...asked, model: verdict.model }, refusal: policyRefusal(verdict, scene.effortField) };
  const { model, changes } = verdict;
  const choices = {
    model,
    effort: changes.effort ?? effort,
    tier: changes.serviceTier === undefined ? asked.tier : changes.serviceTier,
    isLite: isLite(model, scene),
  };
  return { choices, refusal: null };
}

/** The Pool's word counts over the list's (gateway spec 2.7). */
function isLite(model: string, { entries, servingModeOf }: PublicScene): boolean {
  const mode = servingModeOf(model);
  if (mode !== 'auto') return mode === 'lite';
  const entry = entryOf(entries, model);
  return (
    entry !== undefined &&
    (JSON.parse(entry.bytes.toString('utf8')) as Record<string, unknown>)['use_responses_lite'] === true
  );
}
