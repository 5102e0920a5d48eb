/** Shortens what Pools with request compression send on. Whatever goes wrong, the request goes on as it came. */
import { errorFacts } from '../../observe/log.ts';
import type { Clock, Log } from '../../world/world.ts';
import { compressRequest, factsOfSkip, type CompressedBody } from './compress-request.ts';
import { rememberSkips } from './remember-skips.ts';
import { shortenText, type CountTokens, type ShortenText } from './shorten-text.ts';

export interface Compressor {
  /** Never throws. The counter is loaded with the first call and stays. */
  compress(request: { readonly id: string; readonly body: Buffer }): Promise<CompressedBody>;
}

export interface CompressorOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly loadTokenCounter: () => Promise<CountTokens>;
}

/** Far above what any body takes: a brake for a machine that stands still, as it may turn out otherwise next time. */
const maxMs = 250;

export function createCompressor({ clock, log, loadTokenCounter }: CompressorOptions): Compressor {
  let loading: Promise<ShortenText> | null = null;

  async function shortener(): Promise<ShortenText> {
    loading ??= loadTokenCounter().then((count) => rememberSkips((text) => shortenText(text, count)));
    try {
      return await loading;
    } catch (error) {
      loading = null;
      throw error;
    }
  }

  return {
    async compress({ id, body }) {
      try {
        const shorten = await shortener();
        const endsMs = clock.monotonicMs() + maxMs;
        return compressRequest(body, { shorten, isOutOfTime: () => clock.monotonicMs() > endsMs });
      } catch (error) {
        log.warn('compression_failed', { requestId: id, ...errorFacts(error) });
        return { body, facts: factsOfSkip('failed') };
      }
    },
  };
}
