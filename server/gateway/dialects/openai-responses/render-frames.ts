/**
 * Answers of `/v1/responses` over a websocket: the public events, one in each frame, and errors with the status that HTTP
 * would have (v1 spec 4.6). Pure.
 */
import { recordOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { AnswerRendering, RenderedError, SaidFailure } from '../dialect.ts';
import { createPublicResponse, type PublicResponseOptions } from '../openai/public-response.ts';

/** What the client reads: whole frames, in their order. */
export type Frames = readonly Buffer[];

export interface FrameOptions {
  /** What the client calls this stream. */
  readonly streamId: string | null;
  /** An answer was complete: its id, and its items as a client would send them to go on. */
  readonly onCompleted: (responseId: string, items: readonly JsonRecord[]) => void;
}

export function renderFrames(
  options: PublicResponseOptions,
  { streamId, onCompleted }: FrameOptions,
): AnswerRendering<Frames> {
  const stage = createPublicResponse(options);
  const frameOf = (event: JsonRecord) => frame(event, streamId);
  return {
    push(event) {
      const hadEnded = stage.ending !== null;
      const frames = stage.push(event).map(frameOf);
      const { ending } = stage;
      if (!hadEnded && ending?.kind === 'completed') onCompleted(String(ending.response['id']), ending.replay());
      return frames;
    },
    breakOff: (failure) => stage.end(named(failure)).map((event) => frameOf({ ...event, status: failure.status })),
    document: () => stage.ending?.response,
    get ending() {
      return stage.ending?.kind ?? null;
    },
    get failure() {
      return stage.ending?.error ?? null;
    },
  };
}

/** An error in place of an answer. */
export function renderErrorFrame({ status, headers, body }: RenderedError, streamId: string | null): Buffer {
  const { 'www-authenticate': _challenge, ...told } = headers;
  const beside = Object.keys(told).length > 0 ? { headers: told } : {};
  return frame({ type: 'error', status, error: recordOf(body)['error'], ...beside }, streamId);
}

/** What a plain call calls truncated is an incomplete stream here (v1 spec 4.6). */
function named(failure: SaidFailure): SaidFailure {
  return failure.code === 'upstream_stream_truncated' ? { ...failure, code: 'stream_incomplete' } : failure;
}

function frame(event: JsonRecord, streamId: string | null): Buffer {
  return Buffer.from(JSON.stringify(streamId === null ? event : { ...event, stream_id: streamId }));
}
