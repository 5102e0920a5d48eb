/** Answers of a provider made by hand, piece by piece, for tests of what reads them. */
import { NetworkFault, type HttpAnswer } from '../../server/world/world.ts';

/** One SSE block as the provider writes it. */
export function sse(event: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`);
}

/** The bytes cut where the sizes say; what is left comes as one last piece. */
export function cutAt(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at));
  return pieces;
}

export interface HandFedAnswer extends HttpAnswer {
  /** The provider sends this now. */
  send(piece: Buffer): void;
  /** The provider ends its answer. */
  end(): void;
  /** The connection breaks. */
  breakOff(): void;
  readonly isCancelled: boolean;
}

/** An answer whose bytes a test sends one by one. Cancelling ends a read that waits, as the network does. */
export function handFedAnswer({
  status = 200,
  headers = {},
}: { status?: number; headers?: Readonly<Record<string, string>> } = {}): HandFedAnswer {
  type Step = { readonly piece: Buffer } | { readonly error: Error | null };
  const steps: Step[] = [];
  let wake: (() => void) | null = null;
  let isCancelled = false;
  const add = (step: Step) => {
    steps.push(step);
    wake?.();
  };
  async function* body(): AsyncGenerator<Buffer> {
    for (;;) {
      const step = steps.shift();
      if (!step) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      if ('piece' in step) yield step.piece;
      else if (step.error) throw step.error;
      else return;
    }
  }
  return {
    status,
    headers: new Map(Object.entries(headers)),
    body: body(),
    send: (piece) => add({ piece }),
    end: () => add({ error: null }),
    breakOff: () => add({ error: new NetworkFault('reset', { systemCode: 'ECONNRESET' }) }),
    cancel() {
      if (isCancelled) return;
      isCancelled = true;
      add({ error: new NetworkFault('reset', { systemCode: 'ERR_STREAM_PREMATURE_CLOSE' }) });
    },
    get isCancelled() {
      return isCancelled;
    },
  };
}

/** An answer whose pieces are all there already. */
export function wholeAnswer(
  pieces: readonly Buffer[],
  head?: { status?: number; headers?: Readonly<Record<string, string>> },
): HandFedAnswer {
  const answer = handFedAnswer(head);
  for (const piece of pieces) answer.send(piece);
  answer.end();
  return answer;
}
