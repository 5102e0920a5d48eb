/** A public request after reading: what both surfaces have in common, and all that is needed to ask the provider. */
import type { JsonRecord } from '../../../lib/json-values.ts';
import type { RequestEcho } from './complete-response.ts';
import type { ToolNames } from './tool-names.ts';

export interface PublicRequest {
  /** As the client wrote it; `model-names.ts` says what is meant. */
  readonly model: string;
  /** In the client's words, lower case; null when it names none. */
  readonly effort: string | null;
  /** null when none, or one that means none, is named. */
  readonly tier: string | null;
  readonly wantsStream: boolean;
  /** The client's largest output in tokens; the provider takes no such limit. */
  readonly outputCap: number | null;
  readonly instructions: string;
  readonly input: readonly JsonRecord[];
  /** null when the client sent no list. */
  readonly tools: readonly unknown[] | null;
  readonly toolChoice: unknown;
  /** The types of its tools that have no name of their own. */
  readonly toolTypes: ReadonlySet<string>;
  readonly parallelToolCalls: boolean | undefined;
  /** `reasoning` without its effort. */
  readonly reasoning: JsonRecord;
  readonly text: JsonRecord;
  readonly include: readonly string[];
  readonly promptCacheKey: string | undefined;
  /** Fields that go on as they are. */
  readonly forwarded: JsonRecord;
  readonly names: ToolNames;
  readonly showsEncrypted: boolean;
  readonly echo: RequestEcho;
}

/** Always asked for, so that the next turn can send its reasoning back (v1 spec 2.1). */
export const encryptedReasoning = 'reasoning.encrypted_content';

/**
 * Splits what leads the conversation from the conversation: leading system and developer texts become instructions,
 * later ones stay where they are (v1 spec D12).
 *
 * @param options.keepsLeading - JSON mode wants its word in the input itself (v1 spec 2.6).
 */
export function liftInstructions(
  items: readonly JsonRecord[],
  { instructions, keepsLeading }: { instructions: string; keepsLeading: boolean },
): { instructions: string; input: JsonRecord[] } {
  const isLeading = (item: JsonRecord) => item['type'] === 'message' && item['role'] === 'developer';
  const first = items.findIndex((item) => !isLeading(item));
  const leading = first === -1 ? items.length : first;
  // An input must not be empty: of nothing but instructions the last stays.
  const lifted = keepsLeading ? 0 : first === -1 ? items.length - 1 : leading;
  const texts = items.slice(0, lifted).map(textOfMessage);
  const said = [instructions, ...texts].filter((text) => text !== '');
  return { instructions: said.join('\n'), input: items.slice(lifted) };
}

function textOfMessage(item: JsonRecord): string {
  const parts = Array.isArray(item['content']) ? (item['content'] as JsonRecord[]) : [];
  return parts.map(({ text }) => (typeof text === 'string' ? text : '')).join('\n');
}
