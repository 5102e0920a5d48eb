/**
 * What a key may use: limits of one unit in one window, for the whole key or one model. All of a key's limits hold side
 * by side; one for a model adds to those of the key and replaces none.
 */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { LimitUnit, LimitWindow, limitWindowsOf } from './vocabulary.ts';

/** Names are compared without case and outer spaces, and kept in lower case. */
const LimitedModel = z.string().trim().toLowerCase().min(1).max(255).nullable();
const Maximum = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const KeyLimit = z.object({
  id: z.uuid(),
  unit: LimitUnit,
  window: LimitWindow,
  /** null is the whole key. */
  model: LimitedModel,
  maximum: Maximum,
});
export type KeyLimit = z.infer<typeof KeyLimit>;

export const KeyLimitUse = KeyLimit.extend({
  /** Set aside and settled within the window by now; null for what one request may use. */
  used: z.number().nullable(),
  /** When the next bit fits again; null while it fits now, or when it never will. */
  freeAt: Instant.nullable(),
});
export type KeyLimitUse = z.infer<typeof KeyLimitUse>;

/** Why a request does not fit, as its client is told. */
export const LimitRefusal = KeyLimit.omit({ id: true }).extend({
  used: z.number(),
  attempted: z.number(),
  /** When it fits if nothing else is used; null when it never does. */
  freeAt: Instant.nullable(),
});
export type LimitRefusal = Readonly<z.infer<typeof LimitRefusal>>;

const KeyName = z.string().min(1).max(200).describe('id, prefix or name');
const named = { key: KeyName, unit: LimitUnit, window: LimitWindow, model: LimitedModel.default(null) };
const fits = ({ unit, window }: { unit: LimitUnit; window: LimitWindow }) => limitWindowsOf[unit].includes(window);
const misfit = { path: ['window'], message: 'there is no such limit for this unit' };

export const limits = {
  set: command('limits.set', {
    input: z
      .object({ ...named, maximum: Maximum })
      .strict()
      .refine(fits, misfit),
    output: z.object({ limit: KeyLimitUse }),
    audit: ['key', 'limit.unit', 'limit.window', 'limit.model', 'limit.maximum'],
  }),
  remove: command('limits.remove', {
    input: z.object(named).strict(),
    output: z.object({ limit: KeyLimit }),
    audit: ['key', 'limit.unit', 'limit.window', 'limit.model', 'limit.maximum'],
  }),
  list: query('limits.list', {
    input: z.object({ key: KeyName }).strict(),
    output: z.object({ limits: z.array(KeyLimitUse) }),
  }),
};
