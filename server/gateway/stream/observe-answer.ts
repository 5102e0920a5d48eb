/**
 * Watches the events of an answer as they pass: what was used, how it ended, what belongs to the account. It never
 * changes them, with one exception: `response.done` becomes `response.completed`, because Codex clients take the former
 * for a cut (wire spec A6).
 */
import { readServedTier, readTokenUsage, type Usage, type UsageReport } from '../../usage/usage.ts';
import { readResponseId } from '../attempt/read-response-id.ts';
import { readSealed } from '../attempt/read-sealed.ts';
import { eventTypeOf } from '../../lib/event-type.ts';
import { recordOf } from '../../lib/json-values.ts';
import { dataOf, parseEvent } from './read-block.ts';

export type Terminal = 'completed' | 'incomplete' | 'failed';

export interface ObservedBlock {
  /** null for comments and what carries no event. */
  readonly type: string | null;
  /** What goes to the client. */
  readonly bytes: Buffer;
  /** Events that carry facts are parsed once, here. */
  readonly event: Record<string, unknown> | null;
}

export interface AnswerObserver {
  observe(block: Buffer): ObservedBlock;
  /** How the answer ended; null while it has not. The first terminal event counts. */
  readonly terminal: Terminal | null;
  readonly usage: Usage | null;
  /** It says what it used, whether in numbers that can be right (`usage`) or not. */
  readonly reportsUsage: boolean;
  readonly servedTier: string | null;
  /** The provider's code for a failed answer. */
  readonly failureCode: string | null;
  /** The whole error of a failed answer, to be judged; it may quote what somebody wrote, so it is never kept. */
  readonly failure: unknown;
}

export interface AnswerListeners {
  /** A `codex.rate_limits` event. */
  onRateLimits(event: Record<string, unknown>): void;
  /** Encrypted content that only this account will be able to read again. */
  onCompaction(encryptedContent: string): void;
  /** The same of anything else, reasoning above all. */
  onSealed(encryptedContent: string): void;
  /** State of the turn that only this account understands, where it comes as an event (wire spec A7.4). */
  onTurnState(turnState: string): void;
  /** The answer is complete, and this is its id. */
  onAnswered(responseId: string): void;
}

const terminals: ReadonlyMap<string, Terminal> = new Map([
  ['response.completed', 'completed'],
  ['response.done', 'completed'],
  ['response.incomplete', 'incomplete'],
  ['response.failed', 'failed'],
]);

const sealedMark = Buffer.from('encrypted_content');

export function createAnswerObserver({
  onRateLimits,
  onCompaction,
  onSealed,
  onTurnState,
  onAnswered,
}: AnswerListeners): AnswerObserver {
  let terminal: Terminal | null = null;
  let usage: Usage | null = null;
  let reportsUsage = false;
  let servedTier: string | null = null;
  let failureCode: string | null = null;
  let failure: unknown = null;

  function observe(block: Buffer): ObservedBlock {
    const data = dataOf(block);
    const type = eventTypeOf(data);
    if (!data || !type) return { type, bytes: block, event: null };
    const ending = terminals.get(type);
    if (ending) return observeEnding({ block, data, type, ending });
    if (type === 'codex.rate_limits') {
      const event = parseEvent(data);
      if (event) onRateLimits(event);
      return { type, bytes: block, event };
    }
    if (type === 'response.metadata') noteTurnState(parseEvent(data));
    if (type === 'response.output_item.done' && data.includes(sealedMark)) noteSealed(parseEvent(data)?.['item']);
    return { type, bytes: block, event: type === 'error' ? parseEvent(data) : null };
  }

  function observeEnding({
    block,
    data,
    type,
    ending,
  }: {
    block: Buffer;
    data: Buffer;
    type: string;
    ending: Terminal;
  }): ObservedBlock {
    const event = parseEvent(data);
    if (event && terminal === null) {
      const response = recordOf(event['response']);
      terminal = ending;
      const report = reportIn(event, response);
      usage = readTokenUsage(report.usage);
      reportsUsage = report.usage !== null;
      servedTier = readServedTier(report.servedTier);
      if (ending === 'failed') {
        failure = response['error'];
        const { code, type: kind } = recordOf(failure);
        failureCode = codeOf(typeof code === 'string' ? code : kind);
      }
      const responseId = ending === 'failed' ? null : readResponseId(response['id']);
      if (responseId !== null) onAnswered(responseId);
    }
    return { type, bytes: type === 'response.done' ? renamed(block) : block, event };
  }

  function noteTurnState(event: Record<string, unknown> | null): void {
    const turnState = recordOf(event?.['headers'])['x-codex-turn-state'];
    if (typeof turnState === 'string' && turnState !== '') onTurnState(turnState);
  }

  function noteSealed(item: unknown): void {
    const sealed = readSealed(recordOf(item));
    if (sealed?.kind === 'compaction') onCompaction(sealed.content);
    else if (sealed) onSealed(sealed.content);
  }

  return {
    observe,
    get terminal() {
      return terminal;
    },
    get usage() {
      return usage;
    },
    get reportsUsage() {
      return reportsUsage;
    },
    get servedTier() {
      return servedTier;
    },
    get failureCode() {
      return failureCode;
    },
    get failure() {
      return failure;
    },
  };
}

/** The `event:` line, and the event's own type, which may stand anywhere in it and over several data lines. */
const doneLine = /(^|[\r\n])(event: ?)response\.done(?=[\r\n])/;
const doneType = /("type"(?:\s|data:)*:(?:\s|data:)*)"response\.done"/;

/** Latin-1 keeps every byte as it is. The answer may speak of `response.done` elsewhere, which stays. */
function renamed(block: Buffer): Buffer {
  const text = block.toString('latin1');
  const renamedLine = text.replace(doneLine, '$1$2response.completed');
  return Buffer.from(renamedLine.replace(doneType, '$1"response.completed"'), 'latin1');
}

/** The report stands in the response, beside it, or on the last item of the output (gateway spec 11.1). */
function reportIn(event: Record<string, unknown>, response: Record<string, unknown>): UsageReport {
  const output = response['output'];
  const lastItem = recordOf(Array.isArray(output) ? output.at(-1) : null);
  return {
    usage: response['usage'] ?? event['usage'] ?? lastItem['usage'] ?? null,
    servedTier: response['service_tier'] ?? event['service_tier'] ?? lastItem['service_tier'],
  };
}

function codeOf(code: unknown): string | null {
  return typeof code === 'string' && /^[A-Za-z0-9_.:-]{1,80}$/.test(code) ? code : null;
}
