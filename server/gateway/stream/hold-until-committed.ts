/**
 * Holds the first bookkeeping events of a stream back for a moment, so that a failure which follows them can still move
 * to another account (wire spec B15, D3.7). Ends with the first event that means something, with too much held, or
 * when the hold time since the first event is over.
 */
import type { Clock } from '../../world/world.ts';
import type { AnswerObserver, ObservedBlock } from './observe-answer.ts';
import type { SseBlocks } from './sse-blocks.ts';

/** Events that say nothing a client would miss if the answer came from another account. */
const bookkeeping = new Set([
  'response.created',
  'response.in_progress',
  'response.queued',
  'response.metadata',
  'codex.response.metadata',
  'codex.rate_limits',
  'responsesapi.websocket_timing',
  'keepalive',
]);

/** Peers hold up to 16 events (wire spec B15). */
const maxHeldEvents = 16;
const maxHeldBytes = 256 * 1024;

export type Held =
  | {
      readonly kind: 'committed';
      /** What was held, to be sent first. */
      readonly blocks: readonly ObservedBlock[];
      /** The read that was under way when the hold time ended. */
      readonly pending: Promise<IteratorResult<Buffer>> | null;
    }
  | {
      readonly kind: 'failed';
      readonly failure: Record<string, unknown>;
      /** Everything up to the failure, and what came with it. */
      readonly blocks: readonly ObservedBlock[];
    }
  /** The stream ended with nothing but bookkeeping. */
  | { readonly kind: 'ended' };

export interface HoldOptions {
  readonly chunks: AsyncIterator<Buffer>;
  readonly sse: SseBlocks;
  readonly observer: AnswerObserver;
  readonly holdMs: number;
  readonly clock: Clock;
}

/** @throws whatever reading throws: a broken or aborted connection before anything was committed. */
export async function holdUntilCommitted({ chunks, sse, observer, holdMs, clock }: HoldOptions): Promise<Held> {
  const held: ObservedBlock[] = [];
  let heldBytes = 0;
  const holdTime = createHoldTime({ clock, holdMs });
  try {
    for (;;) {
      // What is held here is bookkeeping: anything else ends the holding at once.
      const pending = chunks.next();
      const read = await (held.length === 0 ? pending : Promise.race([pending, holdTime.over]));
      if (read === 'over') return { kind: 'committed', blocks: held, pending };
      if (read.done) return endOf({ held, sse, observer });
      const arrived = sse.push(read.value).map((block) => observer.observe(block));
      const first = arrived.find((block) => isFailure(block) || isMeaningful(block));
      held.push(...arrived);
      if (first && isFailure(first)) return { kind: 'failed', failure: first.event ?? {}, blocks: held };
      heldBytes += arrived.reduce((sum, { bytes }) => sum + bytes.length, 0);
      if (held.some(isMeaningful) || held.length > maxHeldEvents || heldBytes > maxHeldBytes) {
        return { kind: 'committed', blocks: held, pending: null };
      }
      if (held.some(({ type }) => type !== null)) holdTime.begin();
    }
  } finally {
    holdTime.stop();
  }
}

/** A last block that no blank line followed still counts when it completes the answer (wire spec C1). */
function endOf({ held, sse, observer }: { held: ObservedBlock[]; sse: SseBlocks; observer: AnswerObserver }): Held {
  const rest = sse.rest();
  const last = rest.length > 0 ? observer.observe(rest) : null;
  const blocks = last ? [...held, last] : held;
  if (last && isFailure(last)) return { kind: 'failed', failure: last.event ?? {}, blocks };
  if (!observer.terminal) return { kind: 'ended' };
  return { kind: 'committed', blocks, pending: null };
}

function isMeaningful({ type }: ObservedBlock): boolean {
  return type !== null && !bookkeeping.has(type);
}

/** An `error` event is ignored by clients over SSE, after which they take the stream for cut (wire spec A6). */
function isFailure({ type }: ObservedBlock): boolean {
  return type === 'response.failed' || type === 'error';
}

function createHoldTime({ clock, holdMs }: { clock: Clock; holdMs: number }) {
  let end: (word: 'over') => void;
  const over = new Promise<'over'>((resolve) => (end = resolve));
  let timer: { stop(): void } | null = null;
  return { over, begin: () => void (timer ??= clock.timer(holdMs, () => end('over'))), stop: () => timer?.stop() };
}
