/** What a key's policy makes of a call beside inference. Pure. */
import { decideKeyPolicy } from '../../api-keys/key-policy.ts';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { KeyPolicy } from '../../contract/key-policy.ts';
import { modelFactsOf, policyRefusal, type PolicyResult } from '../apply-key-policy.ts';
import { changeBody } from '../dialects/codex/change-body.ts';
import type { Ask } from '../exchange.ts';
import { refusalOfModel } from '../refusals/refusal-of-model.ts';
import type { ServiceRoute } from './services.ts';

/**
 * A policy that cannot be read allows nothing. A model that the client names must be allowed; only where it is one of
 * the model list may it be led to another, because a model that draws or hears cannot stand in for one that writes.
 */
export function applyServicePolicy(
  ask: Ask,
  {
    policy,
    entries,
    service,
  }: { policy: KeyPolicy | null; entries: readonly CatalogEntry[]; service: Pick<ServiceRoute, 'model'> },
): PolicyResult {
  if (!policy) return { ask, refusal: new GatewayError('api_key_policy_malformed') };
  if (service.model.kind === 'image') return { ask, refusal: refusalOfModel(policy, ask.model) };
  if (service.model.kind !== 'inference') return { ask, refusal: null };
  const verdict = decideKeyPolicy({
    // These calls name neither effort nor tier.
    policy: { ...policy, effort: null, serviceTier: null },
    model: ask.requestedModel,
    effort: null,
    isEffortReadable: true,
    factsOf: (name) => modelFactsOf(entries, name),
  });
  if (verdict.kind === 'refused') return { ask: { ...ask, model: verdict.model }, refusal: policyRefusal(verdict) };
  const { model, changes } = verdict;
  return { ask: { ...ask, model, body: changeBody(ask.body, changes) }, refusal: null };
}
