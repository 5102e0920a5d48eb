/** The events and headers that normal answers are built from (wire spec A6, A10, D3.1). */
import { z } from 'zod';
import { event, type EventStep, type Plan, type Step, type UsageTokens } from '../steps.ts';
import type { Turn } from '../turn.ts';

/** Tokens to report. Missing fields come from the account's `usage`; null or `'absent'` leave the field empty or out. */
export const usageOption = z
  .union([
    z
      .strictObject({
        inputTokens: z.number().int().nonnegative(),
        cachedTokens: z.number().int().nonnegative(),
        cacheWriteTokens: z.number().int().nonnegative(),
        outputTokens: z.number().int().nonnegative(),
        reasoningTokens: z.number().int().nonnegative(),
      })
      .partial(),
    z.null(),
    z.literal('absent'),
  ])
  .optional();
export type UsageOption = z.output<typeof usageOption>;

export interface OpeningOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Model named by the answer; the asked one when absent. */
  readonly model?: string;
}

/** The headers of every inference answer. */
function answerHeaders(turn: Turn, options: OpeningOptions = {}): Record<string, string> {
  return {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-request-id': turn.parts.ids.next('req'),
    'openai-processing-ms': '12',
    'openai-model': options.model ?? turn.ask.model,
    'x-models-etag': turn.account.catalog(undefined).etag,
    'x-codex-turn-state': turn.turnState,
    ...turn.account.quota.headers(turn.account.plan),
    ...options.headers,
  };
}

/** The start of a stream. From here on the answer counts against the quota, so its own headers show it. */
export function head(turn: Turn, options: OpeningOptions = {}): Step {
  if (!turn.ask.prewarm) turn.account.quota.add();
  return { do: 'head', status: 200, headers: answerHeaders(turn, options) };
}

/** Headers, and `response.created`. Over websocket the header facts come as events first (wire spec B13, D3.4). */
export function* opening(turn: Turn, options: OpeningOptions = {}): Generator<Step> {
  yield head(turn, options);
  if (turn.ask.transport === 'websocket') yield* websocketPreamble(turn, options);
  yield created(turn, options);
}

/** What HTTP says in headers, as frames. */
function* websocketPreamble(turn: Turn, options: OpeningOptions = {}): Generator<Step> {
  yield rateLimits(turn);
  const headers = { 'x-codex-turn-state': turn.turnState, 'openai-model': options.model ?? turn.ask.model };
  yield event({ type: 'response.metadata', headers });
}

export function rateLimits(turn: Turn): EventStep {
  return event(turn.account.quota.rateLimitsEvent(turn.account.plan));
}

export function created(turn: Turn, options: OpeningOptions = {}): EventStep {
  return event({ type: 'response.created', response: responseObject(turn, { status: 'in_progress', ...options }) });
}

/** The `response` object as it stands at some point of the answer. */
export function responseObject(
  turn: Turn,
  state: { readonly status: string; readonly model?: string; readonly id?: string },
): Record<string, unknown> {
  return {
    id: state.id ?? turn.responseId,
    object: 'response',
    created_at: turn.createdAt,
    status: state.status,
    model: state.model ?? turn.ask.model,
    output: [],
    usage: null,
  };
}

export interface TextOptions {
  readonly text: string;
  /** Number of deltas the text is cut into; 1 when absent. */
  readonly deltas?: number;
  readonly outputIndex?: number;
  readonly itemId?: string;
}

/** A message item from its first event to its last. */
export function* message(turn: Turn, options: TextOptions): Generator<Step> {
  const itemId = options.itemId ?? turn.parts.ids.next('msg');
  const outputIndex = options.outputIndex ?? 0;
  yield itemAdded(outputIndex, { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] });
  for (const delta of cutText(options.text, options.deltas ?? 1)) yield textDelta({ itemId, outputIndex, delta });
  yield messageDone({ itemId, outputIndex, text: options.text });
}

export function messageDone(item: { itemId: string; outputIndex: number; text: string }): EventStep {
  const content = [{ type: 'output_text', text: item.text, annotations: [] }];
  return itemDone(item.outputIndex, {
    id: item.itemId,
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content,
  });
}

export function textDelta(delta: { itemId: string; outputIndex: number; delta: string }): EventStep {
  return event({
    type: 'response.output_text.delta',
    item_id: delta.itemId,
    output_index: delta.outputIndex,
    content_index: 0,
    delta: delta.delta,
  });
}

export function itemAdded(outputIndex: number, item: Record<string, unknown>): EventStep {
  return event({ type: 'response.output_item.added', output_index: outputIndex, item });
}

export function itemDone(outputIndex: number, item: Record<string, unknown>): EventStep {
  return event({ type: 'response.output_item.done', output_index: outputIndex, item });
}

export interface EndOptions {
  readonly usage?: UsageOption;
  readonly model?: string;
  readonly endTurn?: boolean | undefined;
  /** What hosted tools used, beside the model's own tokens. */
  readonly toolUsage?: Record<string, unknown> | undefined;
  readonly id?: string;
  /** `response.done` is what some answers end in instead (wire spec B13). */
  readonly type?: 'response.completed' | 'response.done';
}

/** The end of a whole answer. */
export function completed(turn: Turn, options: EndOptions = {}): EventStep {
  const response = responseObject(turn, { status: 'completed', ...options });
  response['service_tier'] = 'default';
  if (options.endTurn !== undefined) response['end_turn'] = options.endTurn;
  if (options.toolUsage !== undefined) response['tool_usage'] = options.toolUsage;
  const type = options.type ?? 'response.completed';
  return { ...ending(turn, { type, response, usage: options.usage }), completesId: options.id ?? turn.responseId };
}

/** An event that ends an answer. Its tokens count as reported when it is sent. */
export function ending(
  turn: Turn,
  { type, response, usage: option }: { type: string; response: Record<string, unknown>; usage: UsageOption },
): EventStep {
  const usage = usageTokens(turn, option);
  const { usage: _none, ...rest } = response;
  const said = option === 'absent' ? rest : { ...response, usage: usage ? wireUsage(usage) : null };
  return { ...event({ type, response: said }), ...(usage ? { usage } : {}) };
}

function usageTokens(turn: Turn, option: UsageOption): UsageTokens | undefined {
  if (option === null || option === 'absent') return undefined;
  const given = Object.entries(option ?? {}).filter(([, tokens]) => tokens !== undefined);
  return { ...turn.account.usagePerAnswer, ...Object.fromEntries(given) };
}

/** The usage object in the spelling of wire spec A6. */
function wireUsage(usage: UsageTokens): Record<string, unknown> {
  const cacheWrite = usage.cacheWriteTokens === undefined ? {} : { cache_write_tokens: usage.cacheWriteTokens };
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens, ...cacheWrite },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** Cuts a text into `parts` pieces of about equal length, never inside a character. */
export function cutText(text: string, parts: number): string[] {
  const characters = [...text];
  const size = Math.max(1, Math.ceil(characters.length / parts));
  const pieces: string[] = [];
  for (let from = 0; from < characters.length; from += size) pieces.push(characters.slice(from, from + size).join(''));
  return pieces;
}

const typeField = /^\{"type":"[^"]*"/;

/** Adds `sequence_number` to every event of a plan, as the public Responses API does. */
export function* numbered(plan: Plan): Generator<Step> {
  let sequence = 0;
  for (const step of plan) {
    if (step.do !== 'event') yield step;
    else yield { ...step, json: step.json.replace(typeField, (type) => `${type},"sequence_number":${sequence++}`) };
  }
}
