/** Answers of `/v1/responses`: public events as SSE, or the whole response object. Pure. */
import type { AnswerRendering } from '../dialect.ts';
import { createPublicResponse, type PublicEvent, type PublicResponseOptions } from '../openai/public-response.ts';

export function renderResponses(options: PublicResponseOptions): AnswerRendering {
  const stage = createPublicResponse(options);
  return {
    push: (event) => stage.push(event).map(blockOf).join(''),
    breakOff: (failure) => stage.end(failure).map(blockOf).join(''),
    document: () => stage.ending?.response,
    get ending() {
      return stage.ending?.kind ?? null;
    },
    get failure() {
      return stage.ending?.error ?? null;
    },
  };
}

function blockOf(event: PublicEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
