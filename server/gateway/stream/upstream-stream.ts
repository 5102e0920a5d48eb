/** One answer of the provider being read: its chunks, its events, and how it ended. */
import type { Clock, HttpAnswer, Timer } from '../../world/world.ts';
import { holdUntilCommitted, type Held } from './hold-until-committed.ts';
import {
  createAnswerObserver,
  type AnswerListeners,
  type AnswerObserver,
  type ObservedBlock,
} from './observe-answer.ts';
import { createSseBlocks } from './sse-blocks.ts';

export interface UpstreamStream {
  readonly observer: AnswerObserver;
  /** Reads until the answer may be committed to this account, or has failed before. */
  open(): Promise<Held>;
  /** Commits to an answer that failed at its start: the failure itself goes to the client. */
  passFailureOn(): void;
  /**
   * The answer's blocks in groups as they arrive, held ones first. Ends when the provider ends it or nothing follows
   * the terminal event for a moment. Throws when the connection breaks or stays silent too long.
   */
  blocks(): AsyncGenerator<readonly ObservedBlock[]>;
  /** Gives the answer up and tells the provider so. Idempotent. */
  cancel(): void;
  /**
   * Nobody reads on. An answer that has ended is read through by itself, so that its connection can be used again; any
   * other is given up. Not while `blocks` waits for more.
   */
  leave(): void;
}

export interface UpstreamStreamOptions extends AnswerListeners {
  readonly answer: HttpAnswer;
  readonly clock: Clock;
  readonly holdMs: number;
  /** Longest silence after the commit. */
  readonly idleMs: number;
}

/** The provider went silent in the middle of an answer. */
export class StreamIdle extends Error {
  constructor() {
    super('the stream went silent');
    this.name = 'StreamIdle';
  }
}

/** What may follow a terminal event (`[DONE]`) comes at once; a connection left open is not waited for longer. */
const afterTerminalMs = 1_000;
/** And it is short. */
const afterTerminalBytes = 64 * 1024;

export function createUpstreamStream({
  answer,
  clock,
  holdMs,
  idleMs,
  ...listeners
}: UpstreamStreamOptions): UpstreamStream {
  const observer = createAnswerObserver(listeners);
  const sse = createSseBlocks();
  const chunks = answer.body[Symbol.asyncIterator]();
  let held: Held | null = null;

  async function open(): Promise<Held> {
    held = await holdUntilCommitted({ chunks, sse, observer, holdMs, clock });
    return held;
  }

  function passFailureOn(): void {
    if (held?.kind === 'failed') held = { kind: 'committed', blocks: held.blocks, pending: null };
  }

  async function* blocks(): AsyncGenerator<readonly ObservedBlock[]> {
    if (held?.kind !== 'committed') return;
    if (held.blocks.length > 0) yield held.blocks;
    const silence = createSilence({ clock, idleMs, onSilent: () => answer.cancel() });
    let pending = held.pending;
    try {
      for (;;) {
        silence.watch(observer.terminal === null ? idleMs : afterTerminalMs);
        const read = await (pending ?? chunks.next());
        pending = null;
        silence.pause();
        if (read.done) break;
        const observed = sse.push(read.value).map((block) => observer.observe(block));
        if (observed.length > 0) yield observed;
      }
    } catch (error) {
      if (observer.terminal !== null) return;
      throw silence.isBroken ? new StreamIdle() : error;
    } finally {
      silence.stop();
    }
    if (silence.isBroken && observer.terminal === null) throw new StreamIdle();
    const rest = sse.rest();
    if (rest.length === 0) return;
    // After the end nothing can be cut any more; before it, a block without its blank line was.
    const last = observer.observe(rest);
    if (observer.terminal !== null) yield [last];
  }

  async function readThrough(): Promise<void> {
    const limit = clock.timer(afterTerminalMs, () => answer.cancel());
    try {
      let bytes = 0;
      while (bytes <= afterTerminalBytes) {
        const read = await chunks.next();
        if (read.done) return;
        bytes += read.value.length;
      }
      answer.cancel();
    } catch {
      // It broke behind its end: nothing is lost.
    } finally {
      limit.stop();
    }
  }

  function leave(): void {
    if (observer.terminal === null) answer.cancel();
    else void readThrough();
  }

  return { observer, open, passFailureOn, blocks, cancel: () => answer.cancel(), leave };
}

/** Cancels the read when nothing arrives for the time watched; one timer, restarted for every chunk. */
function createSilence({ clock, idleMs, onSilent }: { clock: Clock; idleMs: number; onSilent: () => void }) {
  let isBroken = false;
  let isWatching = false;
  let watchedMs = idleMs;
  let timer: Timer | null = null;
  const fire = () => {
    if (!isWatching) return;
    isBroken = true;
    onSilent();
  };
  return {
    watch(ms: number) {
      isWatching = true;
      if (timer && ms === watchedMs) return timer.restart();
      timer?.stop();
      watchedMs = ms;
      timer = clock.timer(ms, fire);
    },
    pause: () => void (isWatching = false),
    stop: () => timer?.stop(),
    get isBroken() {
      return isBroken;
    },
  };
}
