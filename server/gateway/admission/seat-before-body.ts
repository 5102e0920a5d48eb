/**
 * A seat before a large body is read: whatever waits in line holds no file in memory, so the seats of a lane bound what
 * all its bodies take together.
 */
import type { Client } from '../../api-keys/key-book.ts';
import type { RouteClass } from '../../contract/vocabulary.ts';
import type { LeaveSeat } from './admission.ts';
import type { GatewayParts } from '../gateway-parts.ts';

export interface EarlySeat {
  /** The parts for the exchange, which has its seat already. */
  readonly parts: GatewayParts;
  /** Call when the call is over; the exchange may have left before. */
  readonly leave: LeaveSeat;
}

/** @throws what `Admission.enter` throws. */
export async function takeSeatEarly(
  { client, lane, model, signal }: { client: Client; lane: RouteClass; model: string; signal: AbortSignal },
  parts: GatewayParts,
): Promise<EarlySeat> {
  const { keyId } = client;
  const atOnce = () => parts.limits.of({ keyId, model }).atOnce;
  const leave = await parts.admission.enter(lane, { owner: keyId, atOnce, signal });
  const seated = { ...parts.admission, enter: () => Promise.resolve(leave) };
  return { parts: { ...parts, admission: seated }, leave };
}
