/** How long a refused client is asked to wait, and for what. Pure. */
import type { ExclusionReason } from '../../contract/vocabulary.ts';

/** What a client is asked to wait when nothing tells how long it will take. */
const unknownWaitMs = 5_000;
/** Longer waits are not asked for: a client obeys to the second, and an account may come back any time. */
export const longestWaitMs = 60_000;

/** Reasons that end by themselves soon. */
export const passing: ReadonlySet<ExclusionReason> = new Set([
  'cooling_down',
  'edge_back_off',
  'circuit_open',
  'circuit_probing',
  'network_down',
  'account_token_expired',
  'outside_ring',
]);

/** How long to wait for what ends at `until`; within what a client may be asked. */
export function boundedWait(until: Date | null, now: Date): number {
  const wait = until ? until.getTime() - now.getTime() : unknownWaitMs;
  return Math.min(Math.max(wait, 1_000), longestWaitMs);
}
