/**
 * Turns the provider's events into the public event stream of one response, as OpenAI client libraries demand it
 * (v1 spec 4.5): `response.created` first, one id, numbers that only rise, whole items, exactly one end. What the
 * provider keeps for its own clients (`codex.*`) does not pass. A JSON answer is the last event's `response`, so both
 * forms of an answer say the same. Pure: events go in, events come out.
 */
import { isRecord, listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';
import type { SaidFailure } from '../dialect.ts';
import { completeResponse, createdAtOf, type ResponseFrame, type ResponseState } from './complete-response.ts';
import type { DraftEvent } from './draft-item.ts';
import { createPublicItems } from './public-items.ts';

/** An event as the client gets it. */
export type PublicEvent = DraftEvent & { readonly sequence_number: number };

export interface PublicResponseOptions {
  readonly frame: ResponseFrame;
  /** Whether encrypted reasoning is shown (v1 spec D5). */
  readonly showsEncrypted: boolean;
  /** A fresh id with this prefix, for what the provider leaves without one. */
  readonly makeId: (prefix: string) => string;
  /** Unix seconds now. */
  readonly nowSeconds: () => number;
  /** What may be said of the provider's own error object. */
  readonly failureOf: (error: JsonRecord) => SaidFailure;
}

export type PublicEnding = 'completed' | 'incomplete' | 'failed';

export interface PublicResponse {
  /** The public events that follow from one event of the provider; often one, sometimes none or several. */
  push(event: JsonRecord): PublicEvent[];
  /** The provider's stream ended. Without a terminal event before, the client is told of the failure. */
  end(failure: SaidFailure): PublicEvent[];
  /** null while the answer has not ended. */
  readonly ending: Ending | null;
}

interface Ending {
  readonly kind: PublicEnding;
  /** The whole response object. */
  readonly response: JsonRecord;
  /** Why it failed; null for one that did not. */
  readonly failure: SaidFailure | null;
  /** The provider's own object for that. */
  readonly error: JsonRecord | null;
  /** The answer's items as its client would send them to go on, encrypted reasoning and all. */
  readonly replay: () => JsonRecord[];
}

/** Ends that are no failure of the answer (v1 spec 4.4). */
const ordinaryReasons = new Set(['max_output_tokens', 'max_tokens', 'content_filter']);
/** Reasons of an incomplete answer that are failures under another name. */
const failureReason = /context|quota|usage_limit|rate_limit|auth|previous_response|overload|server_error|policy/;

export function createPublicResponse(options: PublicResponseOptions): PublicResponse {
  const { frame, showsEncrypted, makeId, nowSeconds, failureOf } = options;
  const items = createPublicItems({ makeId, showsEncrypted, toolNameOf: frame.toolNameOf });
  let id = '';
  let { createdAt } = frame;
  let lastNumber = -1;
  let isCreated = false;
  let ending: PublicResponse['ending'] = null;

  function numbered(drafts: readonly DraftEvent[]): PublicEvent[] {
    return drafts.map((draft) => {
      const own = draft['sequence_number'];
      lastNumber = typeof own === 'number' && own > lastNumber ? own : lastNumber + 1;
      return { ...draft, sequence_number: lastNumber };
    });
  }

  function envelope(response: JsonRecord, state: Omit<ResponseState, 'id' | 'createdAt' | 'completedAt'>): JsonRecord {
    return completeResponse(response, { frame, state: { ...state, id, createdAt, completedAt: nowSeconds() } });
  }

  /** `response.created`, made up when the provider begins with something else. */
  function creation(response: JsonRecord): DraftEvent[] {
    if (isCreated) return [];
    isCreated = true;
    id = textOf(response['id']) || makeId('resp');
    createdAt = createdAtOf(response, frame);
    const opening = { ...response, usage: null, error: null, incomplete_details: null };
    return [{ type: 'response.created', response: envelope(opening, { status: 'in_progress', output: [] }) }];
  }

  function draftsOf(event: JsonRecord): DraftEvent[] {
    const { type, response } = named(event);
    if (type === '' || isPrivate(type)) return [];
    if (type === 'error') return failed({}, recordOf(event['error'] ?? event));
    const opening = creation(response);
    switch (type) {
      case 'response.created':
        return opening;
      case 'response.completed':
        return [...opening, ...ended('completed', response)];
      case 'response.incomplete':
        return [...opening, ...incomplete(response)];
      case 'response.failed':
        return [...opening, ...failed(response, recordOf(response['error']))];
      case 'response.in_progress':
      case 'response.queued': {
        const status = type === 'response.queued' ? 'queued' : 'in_progress';
        const sequence = event['sequence_number'] === undefined ? {} : { sequence_number: event['sequence_number'] };
        return [...opening, { type, ...sequence, response: envelope(response, { status, output: [] }) }];
      }
      default:
        return [...opening, ...items.push({ ...event, type })];
    }
  }

  function ended(kind: 'completed' | 'incomplete', response: JsonRecord): DraftEvent[] {
    const { events, output, replay } = items.finish(listOf(response['output']), kind);
    const whole = envelope(response, { status: kind, output });
    ending = { kind, response: whole, failure: null, error: null, replay };
    return [...events, { type: `response.${kind}`, response: whole }];
  }

  function incomplete(response: JsonRecord): DraftEvent[] {
    const reason = textOf(recordOf(response['incomplete_details'])['reason']);
    const error = response['error'];
    if (isRecord(error)) return failed(response, error);
    if (!ordinaryReasons.has(reason) && failureReason.test(reason)) return failed(response, { code: reason });
    return ended('incomplete', response);
  }

  function failed(response: JsonRecord, error: JsonRecord): DraftEvent[] {
    const opening = creation(response);
    const failure = failureOf(error);
    const { code, message } = failure;
    const { output, replay } = items.finish(listOf(response['output']), 'incomplete');
    const whole = envelope({ ...response, error: { code, message } }, { status: 'failed', output });
    ending = { kind: 'failed', response: whole, failure, error, replay };
    return [...opening, { type: 'response.failed', response: whole }];
  }

  return {
    push: (event) => (ending ? [] : numbered(draftsOf(event))),
    end(failure) {
      if (ending) return [];
      const { code, message, type } = failure;
      const whole = envelope({ error: { code, message } }, { status: 'failed', output: [] });
      ending = { kind: 'failed', response: whole, failure, error: null, replay: () => [] };
      // Flat and nested: client libraries read one or the other (v1 spec 4.4).
      return numbered([{ type: 'error', code, message, param: null, error: { type, code, message, param: null } }]);
    },
    get ending() {
      return ending;
    },
  };
}

/** `response.done` and a bare response object both are the end of an answer (wire spec A6). */
function named(event: JsonRecord): { type: string; response: JsonRecord } {
  const type = textOf(event['type']);
  if (type === '' && textOf(event['id']) !== '') return { type: 'response.completed', response: event };
  return { type: type === 'response.done' ? 'response.completed' : type, response: recordOf(event['response']) };
}

/** Events between the provider and its own clients. */
function isPrivate(type: string): boolean {
  return (
    type.startsWith('codex.') ||
    type.startsWith('responsesapi.') ||
    type === 'keepalive' ||
    type === 'response.metadata' ||
    (type !== 'error' && !type.startsWith('response.'))
  );
}
