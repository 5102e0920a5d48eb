/** Answers of `/v1/chat/completions`: chunks as SSE, or one completion. Pure. */
import type { AnswerRendering } from '../dialect.ts';
import { recordOf } from '../openai/json-record.ts';
import { createPublicResponse, type PublicResponseOptions } from '../openai/public-response.ts';
import { createChatChunks, type ChatData } from './chat-chunks.ts';
import type { ChatFrame } from './chat-parts.ts';
import { collectChat } from './collect-chat.ts';

export function renderChat(options: PublicResponseOptions, frame: ChatFrame): AnswerRendering {
  const stage = createPublicResponse(options);
  const chunks = createChatChunks(frame);
  const told = (events: ReturnType<typeof stage.push>) => events.flatMap(chunks.push).map(lineOf).join('');
  return {
    push: (event) => told(stage.push(event)),
    breakOff: (failure) => told(stage.end(failure)),
    document: () => collectChat(recordOf(stage.ending?.response), frame),
    get ending() {
      return stage.ending?.kind ?? null;
    },
  };
}

function lineOf(data: ChatData): string {
  return `data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n`;
}
