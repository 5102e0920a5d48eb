/** Which models a meter limits: the account's own all, others that of their name and what refusals taught. */
import { meterOf } from './meters.ts';

export interface LimitedModels {
  /** Meters, beside the account's own, that limit this model. The same set as long as it is asked for one model. */
  metersOf(model: string | null): ReadonlySet<string>;
  /** The provider refused this model by that meter; it is the same for every account. */
  learn(meter: string, model: string): void;
}

/** Far more than models and meters there are: a client may invent models, and each could be refused. */
const maxLearned = 1_000;

const none: ReadonlySet<string> = new Set();

export function createLimitedModels(): LimitedModels {
  /** Model → meters. */
  const learned = new Map<string, ReadonlySet<string>>();
  let learnedCount = 0;
  let newest: { readonly model: string; readonly meters: ReadonlySet<string> } | null = null;

  return {
    metersOf(model) {
      if (model === null) return none;
      if (newest?.model !== model) {
        const named = meterOf(model);
        newest = { model, meters: new Set([...(named === null ? [] : [named]), ...(learned.get(model) ?? [])]) };
      }
      return newest.meters;
    },

    learn(meter, model) {
      const meters = learned.get(model) ?? none;
      if (learnedCount >= maxLearned || meters.has(meter)) return;
      learned.set(model, new Set(meters).add(meter));
      learnedCount += 1;
      newest = null;
    },
  };
}
