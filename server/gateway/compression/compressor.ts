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

/** Of its own work on one body: a brake for a machine that stands still. */
const maxMs = 250;
/** So long it may keep everybody else waiting, and one output longer. */
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

  /** Its time is that of its own work: what others do in between does not count. */
  async function run(body: Buffer, outputs: OutputShortener): Promise<CompressedBody> {
    let workedMs = 0;
    let beganMs = clock.monotonicMs();
    const sliceTakenMs = () => clock.monotonicMs() - beganMs;
    const steps = compressRequest(body, { outputs, isOutOfTime: () => workedMs + sliceTakenMs() > maxMs });
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      if (sliceTakenMs() < sliceMs) continue;
      workedMs += sliceTakenMs();
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
