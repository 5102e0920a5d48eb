/** `/v1/responses` as one turn of a websocket speaks it. */
import { textOf } from '../../../lib/json-values.ts';
import { publicDialects, type PublicDialect } from '../public-dialects.ts';
import { readResponses } from './read-responses.ts';
import { renderFrames, type FrameOptions, type Frames } from './render-frames.ts';

/** What a frame has beside the fields of a request, and `previous_response_id`, whose answer its input holds already. */
export function frameDialect(options: FrameOptions): PublicDialect<Frames> {
  return {
    ...publicDialects.openai_responses,
    read(frame, { type: _type, stream_id: _stream, generate, previous_response_id: previous, ...fields }) {
      const request = readResponses(frame, {
        ...fields,
        // Of a wrong kind they are told like any other field.
        generate: typeof generate === 'boolean' ? null : (generate ?? null),
        previous_response_id: typeof previous === 'string' ? null : (previous ?? null),
      });
      const previousResponseId = textOf(previous);
      const echo = previousResponseId === '' ? request.echo : { ...request.echo, previousResponseId };
      return { request: { ...request, echo }, render: (rendering) => renderFrames(rendering, options) };
    },
  };
}
