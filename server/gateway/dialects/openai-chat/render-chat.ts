/** Answers of `/v1/chat/completions`: chunks as SSE, or one completion. Pure. */
import { recordOf } from '../../../lib/json-values.ts';
import type { AnswerRendering } from '../dialect.ts';
import { createPublicResponse, type PublicEvent, type PublicResponseOptions } from '../openai/public-response.ts';
import { createChatChunks, type ChatData } from './chat-chunks.ts';
import type { ChatFrame } from './chat-parts.ts';
import { collectChat } from './collect-chat.ts';

export function renderChat(options: PublicResponseOptions, frame: ChatFrame): AnswerRendering {
  const stage = createPublicResponse(options);
  const chunks = createChatChunks(frame);
  function told(events: readonly PublicEvent[]): string {
    const failure = stage.ending?.failure ?? null;
    const data = withoutEmptyStart(events).flatMap((event) => chunks.push(event, failure));
    return data.map(lineOf).join('');
  }

  return {
    push: (event) => told(stage.push(event)),
    breakOff: (failure) => told(stage.end(failure)),
    document: () => collectChat(recordOf(stage.ending?.response), frame),
    get ending() {
      return stage.ending?.kind ?? null;
    },
    get failure() {
      return stage.ending?.error ?? null;
    },
  };
}

/** An answer that begins with its failure says only that here (v1 spec 4.4). */
function withoutEmptyStart(events: readonly PublicEvent[]): readonly PublicEvent[] {
  return events.at(-1)?.type === 'response.failed' ? events.slice(-1) : events;
}

function lineOf(data: ChatData): string {
  return `data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n`;
}
