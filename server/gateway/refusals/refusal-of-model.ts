/** Why a key may not use a model that is asked for by its one name, without aliases or other readings. Pure. */
import { mayUseModel } from '../../api-keys/key-policy.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { KeyPolicy } from '../../contract/key-policy.ts';

/** @param policy - null when it cannot be read: then it allows nothing. @returns null when the key may. */
export function refusalOfModel(policy: KeyPolicy | null, model: string): GatewayError | null {
  if (!policy) return new GatewayError('api_key_policy_malformed');
  return mayUseModel(policy, model) ? null : modelNotAllowed();
}

/** Does not repeat the model's name: those are the client's own words. */
export function modelNotAllowed(): GatewayError {
  const detail = 'Ask its owner, or choose a model from the model list.';
  return new GatewayError('model_not_allowed', { param: 'model', detail });
}
