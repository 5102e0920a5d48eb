/** A request as its key's policy has it, or why the key may not make it. Pure but for keeping what lists were read. */
import { decideEffort, decideKeyPolicy, type ModelFacts, type PolicyVerdict } from '../api-keys/key-policy.ts';
import { effortsOf, entryOf } from '../catalog/model-facts.ts';
import type { CatalogEntry } from '../catalog/split-catalog.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { KeyPolicy } from '../contract/key-policy.ts';
import { changeBody, changeEfforts } from './dialects/codex/change-body.ts';
import { effortUpdatesIn } from './dialects/codex/effort-updates.ts';
import type { Ask } from './exchange.ts';
import { modelNotAllowed } from './refusals/refusal-of-model.ts';

export interface PolicyParts {
  readonly policy: KeyPolicy | null;
  /** The Pool's model list. */
  readonly entries: readonly CatalogEntry[];
}

export interface PolicyResult {
  /** What is asked of the provider; refused or not, records name its model. */
  readonly ask: Ask;
  readonly refusal: GatewayError | null;
}

export function applyKeyPolicy(ask: Ask, { policy, entries }: PolicyParts): PolicyResult {
  const { requestedModel: model, reasoningEffort: effort, isEffortReadable } = ask;
  const factsOf = (name: string) => modelFactsOf(entries, name);
  const verdict = decideKeyPolicy({ policy, model, effort, isEffortReadable, factsOf });
  if (verdict.kind === 'refused') return { ask: { ...ask, model: verdict.model }, refusal: policyRefusal(verdict) };
  const { changes } = verdict;
  const facts = factsOf(verdict.model);
  const { body, refusal } = applyToUpdates(changeBody(ask.body, changes), { policy, facts });
  return {
    ask: {
      ...ask,
      body,
      model: verdict.model,
      reasoningEffort: changes.effort ?? effort,
      requestedTier: changes.serviceTier === undefined ? ask.requestedTier : changes.serviceTier,
    },
    refusal,
  };
}

/**
 * The same of efforts that change within the conversation, by the rules of the field. The newest is what the provider
 * would use; an earlier one that a key may not ask for is past. One that is always used stands in all of them, so that
 * the beginning of a conversation stays the same as it grows.
 *
 * @param body - As the provider takes it.
 */
export function applyToUpdates(
  body: Buffer,
  { policy, facts, effortField }: { policy: KeyPolicy | null; facts: ModelFacts | undefined; effortField?: string },
): { readonly body: Buffer; readonly refusal: GatewayError | null } {
  if (!policy?.effort) return { body, refusal: null };
  const judged = effortUpdatesIn(body).map((update) => ({
    ...update,
    verdict: decideEffort({ policy, ...update }, facts),
  }));
  const newest = judged.at(-1)?.verdict;
  if (newest?.kind === 'refused') return { body, refusal: effortRefusal(newest.allowed, effortField) };
  const changes = judged.flatMap(({ place, verdict }) =>
    verdict.kind === 'allowed' && verdict.set !== null ? [{ place, effort: verdict.set }] : [],
  );
  return { body: changeEfforts(body, changes), refusal: null };
}

/** What the Pool's list says of a model. */
export function modelFactsOf(entries: readonly CatalogEntry[], model: string): ModelFacts | undefined {
  const entry = entryOf(entries, model);
  return entry && { slug: entry.slug, ...effortsOf(entry) };
}

/**
 * Names what may be asked instead, in words of closed lists only: the client's own words are not repeated.
 *
 * @param effortField - What the surface calls the field that names an effort.
 */
export function policyRefusal(
  { code, allowedEfforts }: Extract<PolicyVerdict, { kind: 'refused' }>,
  effortField?: string,
): GatewayError {
  if (code === 'model_not_allowed') return modelNotAllowed();
  if (code === 'reasoning_effort_not_allowed') return effortRefusal(allowedEfforts ?? [], effortField);
  return new GatewayError(code);
}

function effortRefusal(allowed: readonly string[], param = 'reasoning.effort'): GatewayError {
  const detail = allowed.length ? `Choose ${allowed.join(', ')}, or none.` : 'It allows none that this model knows.';
  return new GatewayError('reasoning_effort_not_allowed', { param, detail });
}
