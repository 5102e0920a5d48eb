/** What a circuit is about. */
import type { RouteClass } from '../contract/vocabulary.ts';

/** A kind of request, as far as accounts fail at it. */
export interface CircuitKind {
  readonly poolId: string;
  readonly model: string;
  readonly routeClass: RouteClass;
}

/** What fails and recovers together. The same account goes on with other models and kinds of call (gateway spec 6). */
export interface CircuitScope extends CircuitKind {
  readonly accountId: string;
}
