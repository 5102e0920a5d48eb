/**
 * Models that the provider refused to an account because of what the account is: its plan lacks them, or they are not
 * rolled out to it yet. Only that model on that account is left out, and only for a while: everything else goes on.
 */

export interface ModelRefusal {
  readonly accountId: string;
  readonly model: string;
  /** When the account is asked again, in monotonic milliseconds. */
  readonly untilMs: number;
}

export interface ModelRefusals {
  /** Notes a refusal. `nowMs` is monotonic. */
  refuse(refused: { readonly accountId: string; readonly model: string; readonly nowMs: number }): void;
  /** The account served the model after all. */
  resolve(accountId: string, model: string): void;
  /** Was the account refused a model, of whatever name? */
  isAbout(accountId: string): boolean;
  /** Until when (monotonic) the account is not asked for this model; null when it may be. */
  refusedUntil(accountId: string, ask: { readonly model: string; readonly nowMs: number }): number | null;
  /** Drops what is known of an account: it was removed, signed in again, or has another plan. */
  forget(accountId: string): void;
  snapshot(nowMs: number): readonly ModelRefusal[];
}

/**
 * Asking once more costs one refused call that another account answers at once; waiting longer hides a model from an
 * account whose plan was changed.
 */
export const modelRefusalMs = 30 * 60_000;

/** Models held per account; a model list has a few dozen, a client may invent more. */
const defaultMaxModels = 100;

export interface ModelRefusalsOptions {
  readonly maxModels?: number;
  /** Told after {@link ModelRefusals.isAbout} may have changed. */
  readonly onTrouble?: (accountId: string) => void;
}

export function createModelRefusals({
  maxModels = defaultMaxModels,
  onTrouble = () => undefined,
}: ModelRefusalsOptions = {}): ModelRefusals {
  const ends = new Map<string, Map<string, number>>();

  function forget(accountId: string): void {
    if (ends.delete(accountId)) onTrouble(accountId);
  }

  return {
    refuse({ accountId, model, nowMs }) {
      const models = ends.get(accountId) ?? new Map<string, number>();
      ends.set(accountId, models);
      // Deleted first, so that the oldest refusal stands first.
      models.delete(model);
      models.set(model, nowMs + modelRefusalMs);
      onTrouble(accountId);
      if (models.size > maxModels) for (const oldest of models.keys()) return void models.delete(oldest);
    },

    resolve(accountId, model) {
      const models = ends.get(accountId);
      models?.delete(model);
      if (models?.size === 0) forget(accountId);
    },

    isAbout: (accountId) => ends.has(accountId),

    refusedUntil(accountId, { model, nowMs }) {
      const untilMs = ends.get(accountId)?.get(model);
      return untilMs !== undefined && untilMs > nowMs ? untilMs : null;
    },

    forget,

    snapshot: (nowMs) =>
      [...ends].flatMap(([accountId, models]) =>
        [...models].flatMap(([model, untilMs]) => (untilMs > nowMs ? [{ accountId, model, untilMs }] : [])),
      ),
  };
}
