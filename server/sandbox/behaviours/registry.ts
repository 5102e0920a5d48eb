/** THE list of behaviours, by the ids of wire spec D2 and D4, and how a script names them. */
import type { z } from 'zod';
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

/** Reads an answer. Throws for a behaviour or an option that does not exist. */
export function bindAnswer(answer: Answer | string): BoundBehaviour {
  if (typeof answer === 'string') return behaviours.N1.bind('N1', { options: { text: answer } });
  const { behaviour: id, when: occasion, times, ...options } = answer;
  const found: Behaviour<z.ZodRawShape> | undefined = findBehaviour(id);
  if (!found) throw new Error(`the sandbox knows no behaviour ${id}`);
  return found.bind(id, { options, times, when: occasion && when.parse(occasion) });
}

function findBehaviour(id: string): Behaviour<z.ZodRawShape> | undefined {
  const all: ReadonlyMap<string, unknown> = new Map(Object.entries(behaviours));
  return all.get(id) as Behaviour<z.ZodRawShape> | undefined;
}

/** Details of a refusal by status: the kind of its behaviour (F1–F5), and what travels with it. */
export interface Failure {
  /** The error type, as the behaviour calls it: `usage_limit_reached`, `token_revoked`, `server_is_overloaded`, … */
  readonly kind?: string;
  /** Seconds. */
  readonly retryAfter?: number;
  /** Seconds from now. */
  readonly resetsInSeconds?: number;
  readonly message?: string;
  readonly headers?: Record<string, string>;
  /** Replaces the whole body. */
  readonly body?: unknown;
}

/** The behaviour that answers with a status. A `body`, or a status no behaviour has, becomes `raw`. */
export function toFailure(status: number, details: Failure = {}): Answer {
  const { kind, retryAfter, resetsInSeconds, message, headers, body } = details;
  const retry = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  const sent = { headers: { ...retry, ...headers } };
  const named = kind === undefined ? {} : { kind };
  const choose = (answer: Record<string, unknown>): Answer => answer as unknown as Answer;
  if (body !== undefined) return { behaviour: 'raw', status, body, ...sent };
  if (status === 400 || (status === 404 && kind === 'model_not_found')) {
    return choose({
      behaviour: 'F5',
      ...named,
      ...(message ? { detail: message, kind: kind ?? 'detail' } : {}),
      ...sent,
    });
  }
  if (status === 401) return choose({ behaviour: 'F1', ...named, ...sent });
  if (status === 402) return { behaviour: 'F2', kind: 'deactivated_workspace', ...sent };
  if (status === 403) return choose({ behaviour: 'F2', ...named, ...(message ? { message } : {}), ...sent });
  if (status === 429) {
    const reset = resetsInSeconds === undefined ? {} : { resetsInSeconds };
    return choose({ behaviour: 'F3', ...named, ...reset, ...(message ? { message } : {}), ...sent });
  }
  if (status >= 500) return choose({ behaviour: 'F4', ...serverKind(status, kind), ...sent });
  return { behaviour: 'raw', status, body: { detail: message ?? 'Refused' }, ...sent };
}

const kindOfStatus = new Map([
  [502, 'bad_gateway'],
  [503, 'unavailable'],
  [504, 'gateway_timeout'],
  [520, 'edge_unknown'],
  [524, 'edge_timeout'],
  [529, 'overloaded_529'],
]);

function serverKind(status: number, kind: string | undefined): Record<string, unknown> {
  if (kind !== undefined) return { kind };
  const known = kindOfStatus.get(status);
  return known ? { kind: known } : { kind: 'server_error', status };
}
