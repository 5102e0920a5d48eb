/** N1–N3 and N8–N14: answers that are well formed, from the smallest to the slowest (wire spec D2). */
import { z } from 'zod';
import { encryptState } from '../encrypted-state.ts';
import { event, type Plan, type Step } from '../steps.ts';
import type { Turn } from '../turn.ts';
import { behaviour } from './define.ts';
import {
  completed,
  created,
  cutText,
  head,
  itemAdded,
  itemDone,
  message,
  messageDone,
  numbered,
  opening,
  rateLimits,
  textDelta,
  usageOption,
} from './events.ts';

const defaultText = 'Hello from the sandbox.';
const text = z.string().default(defaultText);

const n1 = behaviour({
  what: 'Normal text answer with all headers.',
  options: z.object({ text, deltas: z.number().int().positive().default(1), usage: usageOption }),
  *answer(turn, options) {
    yield* opening(turn);
    yield* message(turn, options);
    yield completed(turn, options);
  },
});

const n2 = behaviour({
  what: 'The two events a client cannot do without.',
  options: z.object({ text }),
  *answer(turn, options) {
    turn.account.quota.add();
    yield { do: 'head', status: 200, headers: { 'content-type': 'text/event-stream' } };
    const content = [{ type: 'output_text', text: options.text }];
    yield event({ type: 'response.output_item.done', item: { type: 'message', role: 'assistant', content } });
    const end = event({ type: 'response.completed', response: { id: turn.responseId } });
    yield { ...end, completesId: turn.responseId };
  },
});

const n3 = behaviour({
  what: 'Realistic long answer: reasoning with encrypted content, a message in many deltas, all side events.',
  options: z.object({ deltas: z.number().int().positive().default(200), usage: usageOption }),
  answer: (turn, options) => numbered(longAnswer(turn, options)),
});

const longUsage = { inputTokens: 12_000, cachedTokens: 9000, outputTokens: 60, reasoningTokens: 40 };

function* longAnswer(turn: Turn, options: { deltas: number; usage?: z.output<typeof usageOption> }): Generator<Step> {
  yield* opening(turn);
  yield event({ type: 'response.in_progress', response: { id: turn.responseId, status: 'in_progress' } });
  yield* reasoning(turn);
  const itemId = turn.parts.ids.next('msg');
  const at = { item_id: itemId, output_index: 1, content_index: 0 };
  const words = Array.from({ length: options.deltas }, (_, index) => `word${index + 1} `);
  const whole = words.join('');
  yield itemAdded(1, { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] });
  yield event({ type: 'response.content_part.added', ...at, part: { type: 'output_text', text: '', annotations: [] } });
  for (const delta of words) yield textDelta({ itemId, outputIndex: 1, delta });
  yield event({ type: 'response.output_text.done', ...at, text: whole });
  const part = { type: 'output_text', text: whole, annotations: [] };
  yield event({ type: 'response.content_part.done', ...at, part });
  yield messageDone({ itemId, outputIndex: 1, text: whole });
  yield completed(turn, { usage: options.usage === undefined ? longUsage : options.usage });
}

/** A reasoning item whose encrypted content only this account may bring back. */
function* reasoning(turn: Turn): Generator<Step> {
  const itemId = turn.parts.ids.next('rs');
  const at = { item_id: itemId, output_index: 0, summary_index: 0 };
  const parts = ['**Thinking**', ' about', ' it'];
  yield itemAdded(0, { id: itemId, type: 'reasoning', summary: [], encrypted_content: null });
  yield event({ type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } });
  for (const delta of parts) yield event({ type: 'response.reasoning_summary_text.delta', ...at, delta });
  yield itemDone(0, {
    id: itemId,
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: parts.join('') }],
    encrypted_content: encryptState({ accountId: turn.account.id, itemId }, turn.parts.random),
  });
}

const n8 = behaviour({
  what: 'Prewarm: created and completed with zero usage. Websocket prewarms get it by themselves.',
  options: z.object({}),
  *answer(turn) {
    yield head(turn);
    yield created(turn);
    const usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };
    yield completed(turn, { usage });
  },
});

const n9 = behaviour({
  what: 'Text that ends with end_turn:false, so that the client asks again.',
  options: z.object({ text, endTurn: z.boolean().default(false), usage: usageOption }),
  *answer(turn, options) {
    yield* opening(turn);
    yield* message(turn, options);
    yield completed(turn, options);
  },
});

const n10 = behaviour({
  what: 'A completed event with something empty: usage null, usage absent, or an empty id.',
  options: z.object({
    text,
    kind: z.enum(['usage_null', 'usage_absent', 'empty_id', 'empty_output']).default('usage_null'),
  }),
  *answer(turn, options) {
    yield* opening(turn);
    yield* message(turn, options);
    if (options.kind === 'usage_null') yield completed(turn, { usage: null });
    else if (options.kind === 'usage_absent') yield completed(turn, { usage: 'absent' });
    else if (options.kind === 'empty_id') yield completed(turn, { id: '' });
    else yield completed(turn);
  },
});

const n11 = behaviour({
  what: 'Names another model than the asked one, in the openai-model header and in the events.',
  options: z.object({ text, model: z.string().default('gpt-5.5-rerouted') }),
  *answer(turn, options) {
    yield* opening(turn, options);
    yield* message(turn, options);
    yield completed(turn, options);
  },
});

const n12 = behaviour({
  what: 'Slow: first byte late, deltas at a steady pace, or a long silence with keepalive events or comments.',
  options: z.object({
    firstByteMs: z.number().nonnegative().default(0),
    deltas: z.number().int().nonnegative().default(1),
    everyMs: z.number().nonnegative().default(0),
    /** Length of each delta's text. */
    bytes: z.number().int().positive().default(20),
    silenceMs: z.number().nonnegative().default(0),
    silence: z.enum(['keepalive', 'comment', 'nothing']).default('keepalive'),
    silenceStepMs: z.number().positive().default(10_000),
    usage: usageOption,
  }),
  *answer(turn, options) {
    if (options.firstByteMs > 0) yield { do: 'wait', ms: options.firstByteMs };
    yield* opening(turn);
    yield* silence(turn, options);
    const itemId = turn.parts.ids.next('msg');
    const item = { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
    yield itemAdded(0, item);
    // One step for all deltas: its bytes are made once, which keeps hundreds of paced streams cheap.
    const piece = 'x'.repeat(options.bytes);
    const delta = textDelta({ itemId, outputIndex: 0, delta: piece });
    const pause: Step = { do: 'wait', ms: options.everyMs };
    for (let sent = 0; sent < options.deltas; sent += 1) {
      if (options.everyMs > 0) yield pause;
      yield delta;
    }
    yield messageDone({ itemId, outputIndex: 0, text: piece.repeat(options.deltas) });
    yield completed(turn, options);
  },
});

function* silence(turn: Turn, options: { silenceMs: number; silenceStepMs: number; silence: string }): Plan {
  // A websocket has no comments; a ping is what keeps nobody's idle timer from running out there (wire spec A7.3).
  const comment: Step =
    turn.ask.transport === 'http' ? { do: 'bytes', bytes: Buffer.from(': keep-alive\n\n') } : { do: 'ping' };
  for (let passed = 0; passed < options.silenceMs; passed += options.silenceStepMs) {
    yield { do: 'wait', ms: Math.min(options.silenceStepMs, options.silenceMs - passed) };
    if (options.silence === 'keepalive') yield event({ type: 'keepalive', sequence_number: 0 });
    if (options.silence === 'comment') yield comment;
  }
}

const n13 = behaviour({
  what: 'All metadata events before response.created.',
  options: z.object({ text, usage: usageOption }),
  *answer(turn, options) {
    yield head(turn);
    yield rateLimits(turn);
    const headers = { 'x-codex-turn-state': turn.turnState, 'openai-model': turn.ask.model };
    yield event({ type: 'response.metadata', headers });
    yield event({ type: 'codex.response.metadata', headers });
    yield event({ type: 'responsesapi.websocket_timing', timing_metrics: {} });
    yield event({ type: 'keepalive', sequence_number: 0 });
    yield created(turn);
    yield* message(turn, options);
    yield completed(turn, options);
  },
});

const n14 = behaviour({
  what: 'Ends in response.done instead of response.completed.',
  options: z.object({ text, usage: usageOption }),
  *answer(turn, options) {
    yield* opening(turn);
    yield* message(turn, options);
    yield completed(turn, { ...options, type: 'response.done' });
  },
});

const recording = behaviour({
  what: 'Sends given SSE text as it is, in pieces when `pieces` says so.',
  options: z.object({ sse: z.string(), pieces: z.number().int().positive().default(1) }),
  *answer(turn, options) {
    yield head(turn);
    for (const piece of cutText(options.sse, options.pieces)) yield { do: 'bytes', bytes: Buffer.from(piece) };
  },
});

export const normalBehaviours = {
  N1: n1,
  N2: n2,
  N3: n3,
  N8: n8,
  N9: n9,
  N10: n10,
  N11: n11,
  N12: n12,
  N13: n13,
  N14: n14,
  recording,
};
