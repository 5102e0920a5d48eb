/**
 * Reads what the engine must know of a native Codex request: a few named fields, found in place. The body itself stays
 * as the client wrote it, unknown items, key order and all (wire spec A4, E 1–3).
 */
import { GatewayError } from '../../../contract/gateway-error.ts';
import { createMark } from '../../../lib/find-mark.ts';
import { scanArray, type Span } from '../../../lib/json-spans.ts';
import type { Ask } from '../../exchange.ts';
import { fileIdsIn } from './read-file-ids.ts';
import { effortOf, memberOf, membersOf, shortText, valueOf, wordOf } from './read-members.ts';
import { previousResponseHeader, readNames } from './read-names.ts';
import { hasOpaqueContext, outputCapOf } from './output-needs.ts';

export interface CodexRequest {
  readonly body: Buffer;
  /** Header pairs as they came, names in any case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly upstreamPath: string;
  /** The path is that of compactions, which are answered by a document. */
  readonly isCompaction: boolean;
}

/** @throws {GatewayError} `invalid_request` naming what is wrong and where. */
export function readCodexAsk({ body, headers, upstreamPath, isCompaction }: CodexRequest): Ask {
  const members = membersOf(body);
  const text = (name: string) => shortText(body, memberOf(members, name));
  const requestedModel = text('model') ?? '';
  const model = requestedModel.trim();
  if (!modelName.test(model))
    throw new GatewayError('invalid_request', { param: 'model', detail: 'The field "model" must be a model name.' });
  const effort = effortOf(body, memberOf(members, 'reasoning'));
  const { compactions, endsInTrigger } = compactionsOf(body, memberOf(members, 'input'));
  const header = (name: string) => headers.find(([each]) => each.toLowerCase() === name)?.[1] || undefined;
  return {
    service: null,
    upstreamPath,
    model,
    requestedModel,
    wantsStream: !isCompaction && isTrue(body, memberOf(members, 'stream')),
    isCompaction: isCompaction || endsInTrigger,
    requestedTier: wordOf(text('service_tier')),
    reasoningEffort: effort ?? null,
    isEffortReadable: effort !== undefined,
    hasImages: hasImages(body, memberOf(members, 'input')),
    hasTools: isFilledList(body, memberOf(members, 'tools')),
    outputCap: outputCapOf(body, members),
    hasOpaqueContext: hasOpaqueContext(body, members),
    body,
    identityHeaders: identityHeadersOf(headers),
    turnState: header('x-codex-turn-state') ?? null,
    ...readNames({ header, previousResponseId: text('previous_response_id') }),
    promptCacheKey: text('prompt_cache_key')?.trim() || null,
    compactions,
    fileIds: fileIdsIn(body, memberOf(members, 'input')),
    mustOwnFiles: false,
  };
}

/**
 * Anything longer, or with control characters or halves of characters in it, is nobody's model, and the database would
 * not take it.
 */
const modelName = /^[^\p{C}]{1,255}$/u;

function isTrue(body: Buffer, span: Span | undefined): boolean {
  return span !== undefined && body.toString('latin1', span.start, span.end) === 'true';
}

function isFilledList(body: Buffer, span: Span | undefined): boolean {
  if (!span || body[span.start] !== 0x5b) return false;
  return !/^\[\s*\]$/.test(body.toString('latin1', span.start, Math.min(span.end, span.start + 64)));
}

const imageMark = '"input_image"';
const findImage = createMark(imageMark, '_image"');

/** The type of some item in the input is `input_image`, at whatever depth. A quotation of it inside a text has escapes. */
function hasImages(body: Buffer, input: Span | undefined): boolean {
  if (!input) return false;
  const items = body.subarray(input.start, input.end);
  for (let at = findImage(items); at >= 0; at = findImage(items, at + imageMark.length)) {
    if (/"type"\s*:\s*$/.test(items.toString('latin1', Math.max(0, at - 32), at))) return true;
  }
  return false;
}

const findCompaction = createMark('compaction', 'paction');

/** The newest stands for all before it; each is looked up, and a body has room for a million. */
const maxCompactions = 100;

interface Compactions {
  /** Contents of compaction items, the newest last. */
  readonly compactions: string[];
  /** The last item asks for the conversation to be shortened (wire spec A11). */
  readonly endsInTrigger: boolean;
}

/** Most bodies hold none, which one native search tells. */
function compactionsOf(body: Buffer, input: Span | undefined): Compactions {
  const compactions: string[] = [];
  let endsInTrigger = false;
  if (!input || body[input.start] !== 0x5b || findCompaction(body) < 0) return { compactions, endsInTrigger };
  const items = body.subarray(input.start, input.end);
  for (const span of scanArray(items)) {
    endsInTrigger = false;
    const item = items.subarray(span.start, span.end);
    if (item[0] !== 0x7b || findCompaction(item) < 0) continue;
    const members = membersOf(item, input.start + span.start);
    const member = (name: string) => members.find(({ key }) => key === name);
    const type = shortText(item, member('type'));
    endsInTrigger = type === 'compaction_trigger';
    if (!type?.startsWith('compaction')) continue;
    const content = member('encrypted_content');
    const value = content ? valueOf(item, content) : undefined;
    if (typeof value === 'string') compactions.push(value);
    if (compactions.length > maxCompactions) compactions.shift();
  }
  return { compactions, endsInTrigger };
}

const travellingNames = new Set([
  'accept',
  'content-type',
  'openai-beta',
  'originator',
  'session-id',
  'session_id',
  'thread-id',
  'user-agent',
  'version',
  'x-client-request-id',
  'x-openai-internal-codex-responses-lite',
  'x-openai-memgen-request',
  'x-openai-subagent',
  'x-responsesapi-include-timing-metrics',
]);

/**
 * The client's own identity travels on (wire spec B12), by a list of names: credentials, cookies, hop-by-hop and
 * forwarding headers are not on it and so cannot leave. Turn state goes its own way, and what names an earlier answer
 * is the gateway's to read.
 */
export function identityHeadersOf(headers: CodexRequest['headers']): Ask['identityHeaders'] {
  return headers.map(([name, value]) => [name.toLowerCase(), value] as const).filter(([name]) => travelsOn(name));
}

function travelsOn(name: string): boolean {
  return travellingNames.has(name) || (name.startsWith('x-codex-') && !stayingNames.has(name));
}

const stayingNames: ReadonlySet<string> = new Set(['x-codex-turn-state', previousResponseHeader]);
