/** THE list of behaviours, by the ids of wire spec D2 and D4, and how a script names them. */
import { z } from 'zod';
import { accountServiceBehaviours } from './account-services.ts';
import { when, type Behaviour, type BoundBehaviour } from './define.ts';
import { malformedBehaviours } from './malformed.ts';
import { normalBehaviours } from './normal.ts';
import { refusalBehaviours } from './refusals.ts';
import { signInBehaviours } from './sign-in.ts';
import { streamFaultBehaviours } from './stream-faults.ts';
import { toolBehaviours } from './tools.ts';
import { websocketBehaviours } from './websocket.ts';

export const behaviours = {
  ...normalBehaviours,
  ...toolBehaviours,
  ...refusalBehaviours,
  ...streamFaultBehaviours,
  ...malformedBehaviours,
  ...websocketBehaviours,
  ...signInBehaviours,
  ...accountServiceBehaviours,
};

type Behaviours = typeof behaviours;
export type BehaviourId = keyof Behaviours;

/**
 * One entry of a script: a behaviour, its options beside it, and optionally the request it waits for.
 * `{ behaviour: 'N12', deltas: 100, everyMs: 20, when: { model: 'gpt-5.5' } }`
 */
export type Answer = {
  [Id in BehaviourId]: ScriptFields<Id> & OptionsOf<Id>;
}[BehaviourId];

interface ScriptFields<Id> {
  readonly behaviour: Id;
  /** The request it waits for; the next one of its stage when absent. */
  readonly when?: z.input<typeof when>;
  /** How many requests it answers before it leaves the queue; 1 when absent. */
  readonly times?: number;
}

/** zod types an empty object as one that may have no key at all, which would forbid `behaviour` beside it. */
type OptionsOf<Id extends BehaviourId> = string extends keyof z.input<Behaviours[Id]['options']>
  ? unknown
  : z.input<Behaviours[Id]['options']>;

const scripted = z.looseObject({
  behaviour: z.string(),
  when: when.optional(),
  times: z.number().int().positive().optional(),
});

/** Reads an answer and checks every option. Throws for a behaviour or an option that does not exist. */
export function bindAnswer(answer: { readonly behaviour: string } | string): BoundBehaviour {
  if (typeof answer === 'string') return behaviours.N1.bind('N1', { options: { text: answer } });
  const { behaviour: id, when: occasion, times, ...options } = scripted.parse(answer);
  const found = byId.get(id);
  if (!found) throw new Error(`the sandbox knows no behaviour ${id}`);
  return found.bind(id, { options, times, when: occasion });
}

/** Every behaviour takes unknown options at this point and checks them itself. */
const byId = new Map<string, Pick<Behaviour<z.ZodRawShape>, 'bind'>>(Object.entries(behaviours));
