/** F6–F9, F11, F12: answers that begin and then go wrong, or never begin (wire spec D2, D3.7). */
import { z } from 'zod';
import { refuse, type Step } from '../steps.ts';
import type { Turn } from '../turn.ts';
import { behaviour } from './define.ts';
import {
  completed,
  created,
  ending,
  head,
  itemAdded,
  message,
  messageDone,
  opening,
  rateLimits,
  responseObject,
  textDelta,
  usageOption,
} from './events.ts';

const failureMessages: Record<string, string> = {
  context_length_exceeded: 'Your input exceeds the context window of this model.',
  insufficient_quota: 'You exceeded your current quota, please check your plan and billing details.',
  usage_not_included: 'To use Codex with your ChatGPT plan, upgrade to Plus.',
  server_is_overloaded: 'Our servers are currently overloaded. Please try again later.',
  invalid_prompt: 'Invalid prompt.',
  cyber_policy: 'This request was flagged for cyber activity.',
  rate_limit_exceeded: 'Rate limit reached. Please try again in 1.5s.',
  slow_down: 'Please reduce your request rate.',
  server_error: 'An error occurred while processing your request.',
  previous_response_not_found: 'Previous response not found.',
  usage_limit_reached: 'The usage limit has been reached',
};

const f6 = behaviour({
  what: '200, created, rate limits, and then response.failed with a code.',
  options: z.object({
    code: z.string().default('server_is_overloaded'),
    message: z.string().optional(),
    /** The error says when the limit resets, as that of a used-up one may. */
    resetsInSeconds: z.number().int().optional(),
    /** Deltas of visible text before the failure. */
    deltas: z.number().int().nonnegative().default(0),
    /** Failed answers may say what they used all the same (wire spec C4). */
    usage: usageOption.default(null),
  }),
  *answer(turn, options) {
    yield* opening(turn);
    yield rateLimits(turn);
    if (options.deltas > 0) yield* beginMessage(turn, options.deltas);
    const message = options.message ?? failureMessages[options.code] ?? 'The response failed.';
    const nowSeconds = Math.floor(turn.parts.clock.now().getTime() / 1000);
    const reset = options.resetsInSeconds === undefined ? {} : { resets_at: nowSeconds + options.resetsInSeconds };
    const error = { code: options.code, message, ...reset };
    const response = { ...responseObject(turn, { status: 'failed' }), error };
    yield ending(turn, { type: 'response.failed', response, usage: options.usage });
  },
});

const f7 = behaviour({
  what: 'response.incomplete: max_output_tokens or content_filter.',
  options: z.object({
    reason: z.enum(['max_output_tokens', 'content_filter']).default('max_output_tokens'),
    usage: usageOption.default(null),
  }),
  *answer(turn, options) {
    yield* opening(turn);
    yield* message(turn, { text: 'Half an ans' });
    const response = {
      ...responseObject(turn, { status: 'incomplete' }),
      incomplete_details: { reason: options.reason },
    };
    yield ending(turn, { type: 'response.incomplete', response, usage: options.usage });
  },
});

const f8 = behaviour({
  what: 'Hangs: before the headers, after them, or after created.',
  options: z.object({ at: z.enum(['start', 'headers', 'created']).default('created') }),
  *answer(turn, options) {
    if (options.at === 'headers') yield head(turn);
    if (options.at === 'created') yield* opening(turn);
    yield { do: 'hang' };
  },
});

/** An item that was added and has so many deltas; never finished. */
function* beginMessage(turn: Turn, deltas: number): Generator<Step, string> {
  const itemId = turn.parts.ids.next('msg');
  yield itemAdded(0, { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] });
  for (let sent = 0; sent < deltas; sent += 1) yield textDelta({ itemId, outputIndex: 0, delta: `word${sent + 1} ` });
  return itemId;
}

const f9 = behaviour({
  what: 'Cut: before headers, after headers, after created, after n deltas, after output_item.done, after completed.',
  options: z.object({
    at: z.enum(['start', 'headers', 'created', 'deltas', 'item_done', 'completed']).default('created'),
    deltas: z.number().int().nonnegative().default(1),
    how: z.enum(['reset', 'end', 'broken-chunk']).default('reset'),
  }),
  *answer(turn, options) {
    if (options.at === 'headers') yield head(turn);
    if (options.at === 'created') yield* opening(turn);
    if (options.at === 'deltas' || options.at === 'item_done') {
      yield* opening(turn);
      const itemId = yield* beginMessage(turn, options.deltas);
      if (options.at === 'item_done') yield messageDone({ itemId, outputIndex: 0, text: 'Whole message.' });
    }
    if (options.at === 'completed') {
      yield* opening(turn);
      yield* message(turn, { text: 'Whole answer.' });
      yield completed(turn);
    }
    yield { do: 'cut', how: options.how };
  },
});

const f11 = behaviour({
  what: 'A redirect to another host.',
  options: z.object({
    status: z.union([z.literal(302), z.literal(307)]).default(307),
    location: z.string().default('http://127.0.0.1:9/backend-api/codex/responses'),
  }),
  *answer(_turn, options) {
    yield refuse(options.status, '', { location: options.location });
  },
});

const f12 = behaviour({
  what: 'created, then nothing for ever. Requests with effort `minimal` get it by themselves.',
  options: z.object({}),
  *answer(turn) {
    yield head(turn);
    yield created(turn);
    yield { do: 'hang' };
    yield completed(turn);
  },
});

export const streamFaultBehaviours = { F6: f6, F7: f7, F8: f8, F9: f9, F11: f11, F12: f12 };
