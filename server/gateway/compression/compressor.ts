/** Shortens what Pools with request compression send on. Whatever goes wrong, the request goes on as it came. */
import { errorFacts } from '../../observe/log.ts';
import type { Clock, Log } from '../../world/world.ts';
import { compressRequest, factsOfSkip, type CompressedBody } from './compress-request.ts';
import { createOutputShortener, type OutputShortener } from './shorten-output.ts';
import type { CountTokens } from './shorten-text.ts';

export interface Compressor {
  /** Never throws. The counter is loaded with the first call and stays. */
  compress(request: { readonly id: string; readonly body: Buffer }): Promise<CompressedBody>;
}

export interface CompressorOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly loadTokenCounter: () => Promise<CountTokens>;
}

/**
 * So long it may keep everybody else waiting, and one output longer. How much it does is bounded by bytes and never by
 * time: a clock would decide otherwise after a restart, and change the beginning of a conversation.
 */
const sliceMs = 1;

export function createCompressor({ clock, log, loadTokenCounter }: CompressorOptions): Compressor {
  let loading: Promise<OutputShortener> | null = null;

  async function shortener(): Promise<OutputShortener> {
    loading ??= loadTokenCounter().then(createOutputShortener);
    try {
      return await loading;
    } catch (error) {
      loading = null;
      throw error;
    }
  }

  async function run(body: Buffer, outputs: OutputShortener): Promise<CompressedBody> {
    const steps = compressRequest(body, { outputs });
    let beganMs = clock.monotonicMs();
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      if (clock.monotonicMs() - beganMs < sliceMs) continue;
      await clock.turn();
      beganMs = clock.monotonicMs();
    }
  }

  return {
    async compress({ id, body }) {
      try {
        return await run(body, await shortener());
      } catch (error) {
        log.warn('compression_failed', { requestId: id, ...errorFacts(error) });
        return { body, facts: factsOfSkip('failed') };
      }
    },
  };
}
