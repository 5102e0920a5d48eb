/**
 * An admin endpoint as a value: name, input and output schema. Its address is derived from its name
 * (`POST /admin/api/pools.list`), so log, audit, command line, UI and server share one word for it.
 */
import type { z } from 'zod';

export interface Endpoint<
  Kind extends 'query' | 'command' = 'query' | 'command',
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly kind: Kind;
  /** `<room>.<verb>`, e.g. `accounts.import`. */
  readonly name: string;
  readonly input: Input;
  /** Answers are parsed by it too: a field it does not name cannot leave the server. */
  readonly output: Output;
  /** Commands only: which input and output fields an audit row may keep. */
  readonly audit: readonly string[];
}

/** An endpoint that changes nothing. */
export function query<Input extends z.ZodType, Output extends z.ZodType>(
  name: string,
  schemas: { input: Input; output: Output },
): Endpoint<'query', Input, Output> {
  return { kind: 'query', name, ...schemas, audit: [] };
}

/** An endpoint that changes something: every call writes an audit row with the fields named in `audit`. */
export function command<Input extends z.ZodType, Output extends z.ZodType>(
  name: string,
  schemas: { input: Input; output: Output; audit: readonly string[] },
): Endpoint<'command', Input, Output> {
  return { kind: 'command', name, ...schemas };
}

export type InputOf<E extends Endpoint> = z.infer<E['input']>;
/** What callers get: the parsed output. */
export type OutputOf<E extends Endpoint> = z.infer<E['output']>;
/** What a handler returns: the output before parsing, which may carry more fields than leave the server. */
export type Handler<E extends Endpoint> = (input: z.infer<E['input']>) => Promise<z.input<E['output']>>;

/** Handlers of a set of endpoints. A missing or wrong handler does not compile. */
export type Handlers<Endpoints extends Record<string, Endpoint>> = {
  readonly [Name in keyof Endpoints]: Handler<Endpoints[Name]>;
};
