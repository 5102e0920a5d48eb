/** F10: bodies that are legal but nasty, or no event stream at all (wire spec C1, D3.8). HTTP only. */
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { event, refuse, sseOf, type EventStep, type Plan, type Step } from '../steps.ts';
import type { Turn } from '../turn.ts';
import { behaviour } from './define.ts';
import { completed, created, head, itemAdded, messageDone, textDelta } from './events.ts';

const kinds = [
  'crlf',
  'lone_cr',
  'crlf_split',
  'utf8_split',
  'multi_line_data',
  'comments',
  'retry_and_id',
  'no_event_line',
  'mismatched_event',
  'bom',
  'junk_json',
  'done_marker',
  'big_event',
  'no_final_blank',
  'json_body',
  'gzip',
] as const;
type Kind = (typeof kinds)[number];

/** Its UTF-8 form is the four bytes F0 9F 98 80. */
const emoji = '😀';

const f10 = behaviour({
  what: 'A good answer in a nasty form: line ends, splits, comments, junk, sizes, wrong content.',
  options: z.object({
    kind: z.enum(kinds).default('crlf'),
    /** Size of the big event. */
    bytes: z
      .number()
      .int()
      .positive()
      .default(20 * 1024 * 1024),
  }),
  *answer(turn, options) {
    const events = plainEvents(turn, options.kind === 'big_event' ? 'x'.repeat(options.bytes) : `Hello ${emoji}`);
    if (options.kind === 'json_body') {
      yield refuse(200, { id: turn.responseId, object: 'response', status: 'completed', output: [] });
      return;
    }
    const encoded: Record<string, string> = options.kind === 'gzip' ? { 'content-encoding': 'gzip' } : {};
    yield head(turn, { headers: encoded });
    yield* forms[options.kind](events);
  },
});

function plainEvents(turn: Turn, text: string): EventStep[] {
  const itemId = turn.parts.ids.next('msg');
  return [
    created(turn),
    itemAdded(0, { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] }),
    textDelta({ itemId, outputIndex: 0, delta: text }),
    messageDone({ itemId, outputIndex: 0, text }),
    completed(turn),
  ];
}

/** Bytes instead of an event; the tokens of the event still count. */
function bytes(content: Buffer | string, from?: EventStep): Step {
  const buffer = typeof content === 'string' ? Buffer.from(content) : content;
  return { do: 'bytes', bytes: buffer, ...(from?.usage ? { usage: from.usage } : {}) };
}

const textOf = (step: EventStep) => sseOf(step).toString('utf8');
const rewrite = (change: (text: string) => string) => (events: EventStep[]) =>
  events.map((step) => bytes(change(textOf(step)), step));
/** Puts something before the second event. */
const insert =
  (text: string) =>
  (events: EventStep[]): Step[] => [...events.slice(0, 1), bytes(text), ...events.slice(1)];

const forms: Record<Exclude<Kind, 'json_body'>, (events: EventStep[]) => Plan> = {
  crlf: rewrite((text) => text.replaceAll('\n', '\r\n')),
  lone_cr: rewrite((text) => text.replaceAll('\n', '\r')),
  *crlf_split(events) {
    for (const step of events) {
      const whole = textOf(step).replaceAll('\n', '\r\n');
      for (const piece of whole.split(/(?<=\r)(?=\n)/)) yield bytes(piece);
      yield bytes('', step);
    }
  },
  *utf8_split(events) {
    for (const step of events) {
      const whole = sseOf(step);
      const at = whole.indexOf(Buffer.from(emoji));
      if (at < 0) {
        yield step;
        continue;
      }
      yield bytes(whole.subarray(0, at + 2));
      yield { do: 'wait', ms: 20 };
      yield bytes(whole.subarray(at + 2), step);
    }
  },
  // A comma outside of strings is where JSON may be broken over lines; the first one always is outside.
  multi_line_data: rewrite((text) => text.replace(',', ',\ndata: ')),
  comments: rewrite((text) => `: comment\n\n:\n${text}`),
  retry_and_id: rewrite((text) => `retry: 1000\nid: 7\n${text}`),
  no_event_line: rewrite((text) => text.replace(/^event: .*\n/, '')),
  mismatched_event: rewrite((text) => text.replace(/^event: .*\n/, 'event: something.else\n')),
  bom: (events) => [bytes('\uFEFF'), ...events],
  junk_json: insert('event: junk\ndata: {"type":\n\ndata: not json\n\ndata: 17\n\n'),
  done_marker: (events) => [...events, bytes('data: [DONE]\n\n')],
  big_event: (events) => events,
  *no_final_blank(events) {
    yield* events.slice(0, -1);
    const last = events.at(-1) ?? event({ type: 'response.completed' });
    yield bytes(textOf(last).trimEnd(), last);
  },
  gzip: (events) => {
    const reported = events.find((step) => step.usage);
    return [bytes(gzipSync(Buffer.concat(events.map(sseOf))), reported)];
  },
};

export const malformedBehaviours = { F10: f10 };
