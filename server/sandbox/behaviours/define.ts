/** How a behaviour is written down: its options, when its moment comes, and what it then does. */
import { z } from 'zod';
import type { Account } from '../account.ts';
import type { Plan } from '../steps.ts';
import type { Turn } from '../turn.ts';
import type { ServiceCall } from '../services/service-call.ts';
import type { HandshakeCaller, HandshakePlan } from '../handshake.ts';

/** The moments a script can speak about. Every stage has its own queue, so a queued refresh fault waits for a refresh. */
export const stages = [
  'answer',
  'handshake',
  'authorize',
  'code',
  'refresh',
  'api_key',
  'usercode',
  'device',
  'whoami',
  'revoke',
  'accounts_check',
  'usage',
  'reset_credits',
  'consume',
  'models',
  'files',
  'upload',
  'uploaded',
  'transcribe',
  'images',
  'search',
  'realtime',
  'compact',
  'page',
  'noise',
] as const;
export type Stage = (typeof stages)[number];

/** Narrows which request an entry of a script waits for. */
export const when = z.strictObject({
  model: z.string().optional(),
  /** Path without the query. */
  path: z.string().optional(),
  transport: z.enum(['http', 'websocket']).optional(),
  threadId: z.string().optional(),
  /** How the thread's name begins. */
  threadStart: z.string().optional(),
  /** The nth request of this stage since the account was made, counted from 1. */
  nth: z.number().int().positive().optional(),
});
export type When = z.output<typeof when>;

export interface BehaviourDefinition<Shape extends z.ZodRawShape> {
  /** One sentence for the list. */
  readonly what: string;
  readonly options: z.ZodObject<Shape>;
  /** Stage it waits in; `answer` when absent, undefined for one that only changes state. */
  readonly stage?: (options: z.output<z.ZodObject<Shape>>) => Stage | undefined;
  readonly answer?: (turn: Turn, options: z.output<z.ZodObject<Shape>>) => Plan;
  readonly handshake?: (caller: HandshakeCaller, options: z.output<z.ZodObject<Shape>>) => HandshakePlan;
  readonly service?: (call: ServiceCall, options: z.output<z.ZodObject<Shape>>) => Plan;
  /** Changes the account at once, when it is scripted. */
  readonly apply?: (account: Account, options: z.output<z.ZodObject<Shape>>) => void;
}

/** A behaviour with its options filled in. */
export interface BoundBehaviour {
  readonly id: string;
  readonly stage: Stage | undefined;
  readonly when: When | undefined;
  /** How many requests it answers before it leaves the queue. */
  readonly times: number;
  answer(turn: Turn): Plan;
  handshake(caller: HandshakeCaller): HandshakePlan;
  service(call: ServiceCall): Plan;
  apply(account: Account): void;
}

export interface Behaviour<Shape extends z.ZodRawShape> {
  readonly what: string;
  readonly options: z.ZodObject<Shape>;
  /** Checks the options and fills in the defaults. Throws a ZodError for options it does not know. */
  bind(id: string, answer: Binding): BoundBehaviour;
}

export interface Binding {
  readonly options: unknown;
  readonly when?: When | undefined;
  readonly times?: number | undefined;
}

/** Turns a definition into a behaviour. Options are strict: a misspelt one is an error, not silence. */
export function behaviour<Shape extends z.ZodRawShape>(definition: BehaviourDefinition<Shape>): Behaviour<Shape> {
  return {
    what: definition.what,
    options: definition.options,
    bind(id, answer) {
      const options = definition.options.strict().parse(answer.options);
      return {
        id,
        stage: definition.stage ? definition.stage(options) : 'answer',
        when: answer.when,
        times: answer.times ?? 1,
        answer: (turn) => definition.answer?.(turn, options) ?? [],
        handshake: (caller) => definition.handshake?.(caller, options) ?? {},
        service: (call) => definition.service?.(call, options) ?? [call.proceed()],
        apply: (account) => definition.apply?.(account, options),
      };
    },
  };
}
