/**
 * The memory that what clients send may take in this process, over all connections: bodies while they arrive and until
 * their call is over, messages of websockets, and what is made of them. Seats bound how many are served, not how many
 * arrive or wait, and a body may be large; so whoever finds no room is refused before more of it is kept.
 */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Settings } from '../../contract/settings.ts';
import { createByteBudget, type ByteBudget, type Holding } from '../../lib/byte-budget.ts';

/** What one call or one connection has of that memory. Its owner is the key. */
export type BodyRoom = Holding;

/** What a refused client is asked to wait: others are soon through. */
const retryAfterMs = 1_000;
/** The rest is for what is made of bodies, for answers, and for everything else on this machine. */
const partOfMemory = 1 / 4;

/** @param options.memoryBytes - Of the machine. */
export function createBodyRooms(options: { settings: () => Settings; memoryBytes: number }): ByteBudget {
  const unlessSet = Math.floor(options.memoryBytes * partOfMemory);
  return createByteBudget({ maxBytes: () => options.settings()['gateway.body_memory_bytes'] || unlessSet });
}

/** Why a body is refused that found no room. */
export function noRoom(): GatewayError {
  return new GatewayError('server_is_overloaded', { detail: 'The requests it holds fill its memory.', retryAfterMs });
}

/** @throws {GatewayError} where there is no room */
export function holdAtLeast(room: BodyRoom, bytes: number): void {
  if (!room.hold(Math.max(room.bytes, bytes))) throw noRoom();
}
