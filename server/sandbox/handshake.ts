/** What a script may decide about a websocket before and beside its answers (wire spec A7.3, W1–W6). */
import type { RefuseStep } from './steps.ts';
import type { Turn } from './turn.ts';

/** Who opens the socket. */
export type HandshakeCaller = Pick<Turn, 'parts' | 'account'>;

export interface HandshakePlan {
  /** Refuses the upgrade with a plain HTTP answer. */
  readonly refuse?: RefuseStep;
  /** Leaves the upgrade unanswered. */
  readonly hang?: boolean;
  /** Ends the socket at a moment: close code, or `reset` for a killed TCP connection. */
  readonly end?: { readonly at: 'open' | 'prewarm'; readonly how: number | 'reset' };
  /** Life of the socket before it is told to go; 60 minutes when absent (wire spec B13). */
  readonly lifeMs?: number;
  /** Accepts permessage-deflate and compresses every message. */
  readonly compress?: boolean;
  /** Does not answer pings. */
  readonly ignoresPings?: boolean;
  /** What becomes of a prewarm instead of its answer (wire spec A7.2). */
  readonly prewarm?: 'ignored' | 'failed';
}
