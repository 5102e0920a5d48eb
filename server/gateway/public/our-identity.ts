/** Who asks, on translated requests: this program, and a name for the conversation. Nothing of the client's own. Pure. */
import { hash } from 'node:crypto';
import { version } from '../../version.ts';
import type { PublicRequest } from '../dialects/openai/public-request.ts';

/**
 * The headers of a translated request. A conversation keeps one `session-id`, so it stays with its account and the
 * provider's cache: it is known by the key and by what the client names it, or by how it begins.
 */
export function ourIdentity(
  request: Pick<PublicRequest, 'promptCacheKey' | 'instructions' | 'input'>,
  { keyId, originator, isLite }: { keyId: string; originator: string; isLite: boolean },
): [name: string, value: string][] {
  const { promptCacheKey, instructions, input } = request;
  const name = promptCacheKey ?? JSON.stringify([instructions, input[0]]);
  return [
    ['accept', 'text/event-stream'],
    ['content-type', 'application/json'],
    ...ourName(originator),
    ['session-id', uuidOf(`${keyId}\n${name}`)],
    // The body's form is told beside it (wire spec A4.3).
    ...(isLite ? ([['x-openai-internal-codex-responses-lite', 'true']] as [string, string][]) : []),
  ];
}

/** Who asks, where no conversation is named. */
export function ourName(originator: string): [name: string, value: string][] {
  return [
    ['originator', originator],
    ['user-agent', `codex-pooler/${version}`],
  ];
}

/** The form the provider's own clients use. */
function uuidOf(text: string): string {
  const digest = hash('sha256', text, 'hex');
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    digest.slice(12, 16),
    digest.slice(16, 20),
    digest.slice(20, 32),
  ].join('-');
}
