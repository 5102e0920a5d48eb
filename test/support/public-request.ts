/** A public request on its way to the provider, without a server: what it is read as, and the body that is sent. */
import type { GatewayError } from '../../server/contract/gateway-error.ts';
import { publicDialects } from '../../server/gateway/dialects/public-dialects.ts';
import { toCodexBody } from '../../server/gateway/dialects/openai/to-codex-body.ts';
import { recordOf, type JsonRecord } from '../../server/lib/json-values.ts';

export type PublicSurface = 'chat' | 'responses';

const dialects = { chat: publicDialects.openai_chat, responses: publicDialects.openai_responses };
const conversation = { chat: { messages: [{ role: 'user', content: 'hi' }] }, responses: { input: 'hi' } };

/** The smallest request of a surface with these fields. */
export function publicRequest(surface: PublicSurface, fields: JsonRecord = {}): JsonRecord {
  return { model: 'gpt-5.5', ...conversation[surface], ...fields };
}

/** @param request - A document, or the text of one where spelling matters. */
export function readPublic(surface: PublicSurface, request: JsonRecord | string) {
  const text = typeof request === 'string' ? request : JSON.stringify(request);
  return dialects[surface].read(Buffer.from(text), JSON.parse(text) as JsonRecord);
}

/** The text that goes to the provider. */
export function textSent(surface: PublicSurface, request: JsonRecord | string, { isLite = false } = {}): string {
  const { request: read } = readPublic(surface, request);
  const { model, effort, tier } = read;
  return toCodexBody(read, { model, effort, tier, isLite, takesSummary: true }).toString('utf8');
}

export function sent(surface: PublicSurface, request: JsonRecord | string): JsonRecord {
  return recordOf(JSON.parse(textSent(surface, request)));
}

/** How a request is refused: `code param`; throws when it is not. */
export function refusalOf(surface: PublicSurface, request: JsonRecord | string): string {
  try {
    readPublic(surface, request);
  } catch (error) {
    const { code, param } = error as GatewayError;
    return `${code} ${param ?? ''}`.trim();
  }
  throw new Error(`not refused: ${JSON.stringify(request).slice(0, 200)}`);
}
