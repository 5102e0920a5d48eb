/** From the text of an inference request to an ask. */
import { z } from 'zod';
import type { RecordedRequest } from './recorder.ts';
import { refuse, type RefuseStep } from './steps.ts';
import type { Ask, InputItem } from './turn.ts';

/** The parsed body. Loose: what is missing or wrong is judged by `strict-rules.ts`, field by field. */
export type AskBody = Readonly<Record<string, unknown>>;

export type AskReading =
  | { readonly ask: Ask; readonly body: AskBody; readonly fault?: undefined }
  | { readonly fault: RefuseStep };

const jsonObject = z.record(z.string(), z.unknown());

/** Reads an HTTP body or a `response.create` frame. A body that is no JSON object is a 400. */
export function readAsk(request: RecordedRequest, transport: Ask['transport']): AskReading {
  const body = parseObject(request.body);
  if (!body) return { fault: refuse(400, { detail: 'Request body must be a JSON object' }) };
  const metadata = jsonObject.safeParse(body['client_metadata']).data ?? {};
  const reasoning = jsonObject.safeParse(body['reasoning']).data ?? {};
  const lite =
    transport === 'http'
      ? request.header('x-openai-internal-codex-responses-lite')
      : metadata['ws_request_header_x_openai_internal_codex_responses_lite'];
  const ask: Ask = {
    transport,
    path: request.path,
    model: text(body['model']) ?? '',
    lite: lite === 'true',
    prewarm: transport === 'websocket' && body['generate'] === false,
    input: Array.isArray(body['input']) ? (body['input'] as InputItem[]) : [],
    previousResponseId: text(body['previous_response_id']),
    effort: text(reasoning['effort']),
    threadId: request.header('thread-id') ?? request.header('session-id') ?? text(metadata['thread_id']),
    turnState: request.header('x-codex-turn-state') ?? text(metadata['x-codex-turn-state']),
  };
  return { ask, body };
}

function parseObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return jsonObject.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined; // Broken JSON is an answer, not a failure of the sandbox.
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
