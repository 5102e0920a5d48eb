/** THE list of languages that are translated: how a request is read and its answer told (v1 spec 2, 3). */
import type { JsonRecord } from '../../lib/json-values.ts';
import type { AnswerRendering } from './dialect.ts';
import type { PublicRequest } from './openai/public-request.ts';
import type { PublicResponseOptions } from './openai/public-response.ts';
import { toCodexBody, toCompactBody, type CodexChoices } from './openai/to-codex-body.ts';
import { readChat } from './openai-chat/read-chat.ts';
import { renderChat } from './openai-chat/render-chat.ts';
import { readCompaction } from './openai-responses/read-compaction.ts';
import { readResponses } from './openai-responses/read-responses.ts';
import { renderCompaction } from './openai-responses/render-compaction.ts';
import { renderResponses } from './openai-responses/render-responses.ts';

/** A request that was read, with the way its answer will be told. */
export interface ReadPublicRequest<Told = string> {
  readonly request: PublicRequest;
  readonly render: (options: PublicResponseOptions) => AnswerRendering<Told>;
}

export interface PublicDialect<Told = string> {
  /** What the surface calls the field that names an effort, for refusals. */
  readonly effortField: string;
  /** Path below the provider's `/backend-api/codex`. */
  readonly upstreamPath: string;
  /** The provider answers with a document, and in the lane of compactions. */
  readonly isCompaction: boolean;
  readonly bodyOf: (request: PublicRequest, choices: CodexChoices) => Buffer;
  /** @throws {GatewayError} naming the field at fault. */
  read(body: Buffer, request: JsonRecord): ReadPublicRequest<Told>;
}

const turn = { upstreamPath: '/responses', isCompaction: false, bodyOf: toCodexBody } as const;

export const publicDialects = {
  openai_responses: {
    ...turn,
    effortField: 'reasoning.effort',
    read: (body, request) => ({ request: readResponses(body, request), render: renderResponses }),
  },
  openai_compaction: {
    effortField: 'reasoning.effort',
    upstreamPath: '/responses/compact',
    isCompaction: true,
    bodyOf: toCompactBody,
    read: (body, request) => ({ request: readCompaction(body, request), render: renderCompaction }),
  },
  openai_chat: {
    ...turn,
    effortField: 'reasoning_effort',
    read(body, request) {
      const read = readChat(body, request);
      const { includesUsage } = read;
      const render = (options: PublicResponseOptions) =>
        renderChat(options, { model: options.frame.model, includesUsage });
      return { request: read, render };
    },
  },
} as const satisfies Record<string, PublicDialect>;

export type PublicDialectName = keyof typeof publicDialects;
