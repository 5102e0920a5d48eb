/**
 * Runs an admin endpoint: input checked, handler called, change audited, output cut to what its schema names. HTTP and
 * the command line without a server both come through here, so neither can do what the other would not record.
 */
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import { insertAuditEvent } from '../audit/audit-store.ts';
import type { Endpoint } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock, Random } from '../world/world.ts';

export interface AdminCall {
  readonly name: string;
  /** As it came, unchecked. */
  readonly input: unknown;
  /** Who calls, for the audit trail. */
  readonly actor: string;
  readonly requestId: string | null;
}

export type AdminDispatch = (call: AdminCall) => Promise<unknown>;

/** An endpoint with its handler, types forgotten: the pairs were checked where they were made. */
export interface BoundEndpoint {
  readonly endpoint: Endpoint;
  readonly handler: (input: unknown) => Promise<unknown>;
}

/** Joins a room's endpoints with its handlers. */
export function bind(
  endpoints: Record<string, Endpoint>,
  handlers: Record<string, (input: never) => Promise<unknown>>,
): BoundEndpoint[] {
  return Object.entries(endpoints).map(([name, endpoint]) => {
    const handler = handlers[name];
    if (!handler) throw new TypeError(`no handler for ${endpoint.name}`);
    return { endpoint, handler: handler as (input: unknown) => Promise<unknown> };
  });
}

export interface AdminDispatchParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly random: Random;
  readonly endpoints: readonly BoundEndpoint[];
}

/** @throws {GatewayError} `not_found` for no such endpoint, `invalid_request` naming the field, or the handler's own. */
export function createAdminDispatch({ db, clock, random, endpoints }: AdminDispatchParts): AdminDispatch {
  const byName = new Map(endpoints.map((bound) => [bound.endpoint.name, bound]));

  return async ({ name, input, actor, requestId }) => {
    const bound = byName.get(name);
    if (!bound) throw new GatewayError('not_found');
    const { endpoint, handler } = bound;
    const audit = (
      outcome: 'success' | 'failure',
      { errorCode, facts }: { errorCode: string | null; facts: unknown },
    ) =>
      endpoint.kind === 'query'
        ? Promise.resolve()
        : insertAuditEvent(db, {
            id: random.id(),
            occurredAt: clock.now(),
            actor,
            action: endpoint.name,
            outcome,
            errorCode,
            requestId,
            details: pick(facts, endpoint.audit),
          });
    const parsed = endpoint.input.safeParse(input);
    if (!parsed.success) throw invalidInput(parsed.error);
    refuseUnkeepable(parsed.data, []);
    try {
      const output = endpoint.output.parse(await handler(parsed.data));
      await audit('success', { errorCode: null, facts: { ...(parsed.data as object), ...(output as object) } });
      return output;
    } catch (error) {
      await audit('failure', {
        errorCode: error instanceof GatewayError ? error.code : 'internal_error',
        facts: parsed.data,
      });
      throw error;
    }
  };
}

function invalidInput(error: z.ZodError): GatewayError {
  const issue = error.issues[0];
  const param = issue?.path.join('.') || undefined;
  return new GatewayError('invalid_request', {
    param,
    detail: issue ? `${param ?? 'input'}: ${issue.message}.` : undefined,
  });
}

/**
 * The database keeps neither NUL nor half a character: said here, where the field is known, instead of by a statement that
 * fails somewhere below. What comes here was checked by a schema, so it is not deep.
 */
function refuseUnkeepable(value: unknown, path: readonly string[]): void {
  if (typeof value === 'string' && !isKeepable(value)) {
    const param = path.join('.') || undefined;
    throw new GatewayError('invalid_request', {
      param,
      detail: `${param ?? 'input'}: must not contain NUL or half a character.`,
    });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    refuseUnkeepable(name, path);
    refuseUnkeepable(inner, [...path, name]);
  }
}

function isKeepable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** The named fields of an object, by dotted path; nothing else can reach the audit trail. */
function pick(facts: unknown, paths: readonly string[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const path of paths) {
    const value = path
      .split('.')
      .reduce<unknown>(
        (from, key) => (typeof from === 'object' && from !== null ? (from as Record<string, unknown>)[key] : undefined),
        facts,
      );
    if (value !== undefined) picked[path] = value;
  }
  return picked;
}
