/** Native requests read as the gateway reads them, with whatever a test does not name as usual. */
import type { Ask } from '../../server/gateway/exchange.ts';
import { readCodexAsk, type CodexRequest } from '../../server/gateway/dialects/codex/read-ask.ts';

export function codexBytes(fields: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ model: 'gpt-5.5', stream: true, ...fields }));
}

export function readCodex(request: Partial<CodexRequest>): Ask {
  return readCodexAsk({
    body: codexBytes({}),
    headers: [],
    upstreamPath: '/responses',
    isCompaction: false,
    ...request,
  });
}
