/**
 * What the frame of a `/v1` websocket asks, with the conversation it goes on from put before its input: from there on it
 * is what a client would ask that sends everything (v1 spec 2.8).
 */
import { GatewayError } from '../../contract/gateway-error.ts';
import { isRecord, textOf, type JsonRecord } from '../../lib/json-values.ts';
import { itemsOf, type Conversation, type SocketMemory } from './answer-memory.ts';
import { parseRequest } from '../dialects/openai/parse-request.ts';

export interface PublicTurn {
  /** The frame, its input whole. */
  readonly document: JsonRecord;
  /** The answer it goes on from. */
  readonly previousId: string | null;
  /** What led to that answer. */
  readonly before: Conversation;
  /** The items that came with this frame. */
  readonly items: readonly unknown[];
  /** Asks for no answer, but for an id to go on from (wire spec A7.2). */
  readonly isWarmUp: boolean;
}

/** @throws {GatewayError} `previous_response_not_found` for an answer this socket does not know. */
export function readPublicTurn(frame: Buffer, { recall }: Pick<SocketMemory, 'recall'>): PublicTurn {
  const document = parseRequest(frame);
  const previousId = textOf(document['previous_response_id']) || null;
  const isWarmUp = document['generate'] === false;
  const before = previousId === null ? [] : recall(previousId);
  if (!before) throw notHeld();
  const items = itemsIn(document['input']);
  // What is neither is told as over HTTP.
  if (!items) return { document, previousId, before, items: [], isWarmUp };
  const input = [...itemsOf(before), ...items];
  if (input.length === 0 && isWarmUp) input.push(standIn);
  const isWhole = previousId === null && input.length === items.length;
  return { document: isWhole ? document : { ...document, input }, previousId, before, items, isWarmUp };
}

/** A warm-up may come before there is anything to ask; all else of it is read as ever. */
const standIn = { type: 'message', role: 'user', content: 'warm-up' };

/** null for what is no input. */
function itemsIn(input: unknown): unknown[] | null {
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }];
  if (input === undefined || input === null) return [];
  return Array.isArray(input) ? (input as unknown[]) : null;
}

/** The item of an input that a refusal names. */
const itemPath = /^input\[(\d+)\]/;

/**
 * A refusal of the whole input in terms of the frame. What the client sent earlier it does not find there; so it sends
 * everything, and is told of that.
 */
export function inTermsOfFrame(error: unknown, { document, items }: PublicTurn): unknown {
  if (!(error instanceof GatewayError) || error.param === undefined) return error;
  const { param } = error;
  const index = itemPath.exec(param)?.[1];
  const { input } = document;
  const earlier = Array.isArray(input) ? input.length - items.length : 0;
  if (index === undefined || earlier === 0) return error;
  if (Number(index) < earlier) return notHeld(error);
  const own = param.replace(itemPath, `input[${Number(index) - earlier}]`);
  return new GatewayError(error.code, { param: own, detail: error.detail?.replace(param, own), cause: error });
}

function notHeld(cause?: unknown): GatewayError {
  return new GatewayError('previous_response_not_found', { param: 'previous_response_id', cause });
}

/** A conversation that goes on is not compacted again. */
export function withoutTrigger(items: readonly unknown[]): readonly unknown[] {
  return items.filter((item) => !isRecord(item) || item['type'] !== 'compaction_trigger');
}
