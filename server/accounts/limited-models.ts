/** Which models a meter limits: the account's own all, others that of their name and what refusals taught. */
import { meterOf } from './meters.ts';
import { accountMeter } from './quota.ts';

/** Does the meter limit this model? */
export type Limits = (meter: string, model: string | null) => boolean;

export interface LimitedModels {
  readonly holds: Limits;
  /** The provider refused this model by that meter; it is the same for every account. True when that was new. */
  learn(meter: string, model: string): boolean;
}

/** Far more than models and meters there are: a client may invent models, and each could be refused. */
const maxLearned = 1_000;

export function createLimitedModels(): LimitedModels {
  /** `meter/model` pairs. */
  const learned = new Set<string>();
  let newest: { readonly model: string; readonly meter: string | null } | null = null;
  // One choice asks for one model many times.
  const meterOfModel = (model: string): string | null => {
    if (newest?.model !== model) newest = { model, meter: meterOf(model) };
    return newest.meter;
  };
  return {
    holds(meter, model) {
      if (meter === accountMeter) return true;
      return model !== null && (meterOfModel(model) === meter || learned.has(`${meter}/${model}`));
    },
    learn(meter, model) {
      const before = learned.size;
      if (before < maxLearned) learned.add(`${meter}/${model}`);
      return learned.size > before;
    },
  };
}
