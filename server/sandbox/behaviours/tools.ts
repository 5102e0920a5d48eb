/** N4–N7 and N15: answers that ask the client to run something, show a hosted tool, or compact a thread (wire spec D3.2, A11). */
import { z } from 'zod';
import { encryptState } from '../encrypted-state.ts';
import { event, type Step } from '../steps.ts';
import { bringsToolOutput, type Turn } from '../turn.ts';
import { behaviour } from './define.ts';
import { completed, itemAdded, itemDone, message, opening, usageOption } from './events.ts';

const finalText = z.string().default('The tool has answered.');

interface FunctionCall {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly arguments: string;
}
interface CustomCall {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly input: string;
}

/** A call of a function tool: added, arguments, done. */
function* functionCall(turn: Turn, call: FunctionCall, outputIndex = 0): Generator<Step> {
  const id = turn.parts.ids.next('fc');
  const item = { type: 'function_call', id, call_id: turn.parts.ids.next('call'), ...named(call) };
  yield itemAdded(outputIndex, { ...item, arguments: '', status: 'in_progress' });
  const delta = { item_id: id, output_index: outputIndex };
  yield event({ type: 'response.function_call_arguments.delta', ...delta, delta: call.arguments });
  yield event({ type: 'response.function_call_arguments.done', ...delta, arguments: call.arguments });
  yield itemDone(outputIndex, { ...item, arguments: call.arguments, status: 'completed' });
}

/** A call of a free-form tool. */
function* customCall(turn: Turn, call: CustomCall, outputIndex = 0): Generator<Step> {
  const id = turn.parts.ids.next('ctc');
  const item = { type: 'custom_tool_call', id, call_id: turn.parts.ids.next('call'), ...named(call) };
  yield itemAdded(outputIndex, { ...item, input: '', status: 'in_progress' });
  const delta = { item_id: id, output_index: outputIndex };
  yield event({ type: 'response.custom_tool_call_input.delta', ...delta, delta: call.input });
  yield itemDone(outputIndex, { ...item, input: call.input, status: 'completed' });
}

function named(call: { readonly name: string; readonly namespace?: string | undefined }): Record<string, string> {
  return call.namespace === undefined ? { name: call.name } : { namespace: call.namespace, name: call.name };
}

const n4 = behaviour({
  what: 'Function call of the full dialect (exec_command); text once the output comes back.',
  options: z.object({
    name: z.string().default('exec_command'),
    arguments: z.string().default('{"cmd":"echo sandbox"}'),
    text: finalText,
    usage: usageOption,
  }),
  *answer(turn, options) {
    yield* opening(turn);
    if (bringsToolOutput(turn.ask)) yield* message(turn, options);
    else yield* functionCall(turn, options);
    yield completed(turn, options);
  },
});

const patch = '*** Begin Patch\n*** Add File: sandbox.txt\n+made by the sandbox\n*** End Patch\n';
const script = 'const r = await tools.exec_command({cmd:"echo sandbox-lite"}); text(JSON.stringify(r));';

const n5 = behaviour({
  what: 'Custom tool call (exec in lite, apply_patch in full), two parallel calls, or a call with a namespace.',
  options: z.object({
    kind: z.enum(['by_dialect', 'apply_patch', 'exec', 'parallel', 'namespace']).default('by_dialect'),
    input: z.string().optional(),
    /** Of `parallel`: what is called instead, for clients that have other tools. */
    calls: z.array(z.object({ name: z.string(), arguments: z.string() })).default([
      { name: 'exec_command', arguments: '{"cmd":"echo sandbox one"}' },
      { name: 'exec_command', arguments: '{"cmd":"echo sandbox two"}' },
    ]),
    text: finalText,
    usage: usageOption,
  }),
  *answer(turn, options) {
    const kind = options.kind === 'by_dialect' ? (turn.ask.lite ? 'exec' : 'apply_patch') : options.kind;
    yield* opening(turn);
    if (bringsToolOutput(turn.ask)) {
      yield* message(turn, options);
    } else if (kind === 'apply_patch') {
      yield* customCall(turn, { name: 'apply_patch', input: options.input ?? patch });
    } else if (kind === 'exec') {
      yield* customCall(turn, { namespace: 'functions', name: 'exec', input: options.input ?? script });
    } else if (kind === 'parallel') {
      for (const [index, call] of options.calls.entries()) yield* functionCall(turn, call, index);
    } else {
      const prompt = '{"prompt":"a red square"}';
      yield* functionCall(turn, { namespace: 'image_gen', name: 'imagegen', arguments: options.input ?? prompt });
    }
    yield completed(turn, options);
  },
});

/** The smallest picture. */
export const onePixelPng =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

/** Hosted tools and their finished items. */
const hostedItems = {
  web_search_call: { action: { type: 'search', query: 'sandbox' } },
  image_generation_call: { result: onePixelPng, output_format: 'png' },
  tool_search_call: { execution: 'server', arguments: { query: 'sandbox' } },
} as const;

const n6 = behaviour({
  what: 'Items of hosted tools: web search, image generation, tool search; then text.',
  options: z.object({
    kind: z.enum(['web_search_call', 'image_generation_call', 'tool_search_call']).default('web_search_call'),
    text: finalText,
    usage: usageOption,
  }),
  *answer(turn, options) {
    const item = { type: options.kind, id: turn.parts.ids.next(options.kind === 'web_search_call' ? 'ws' : 'ig') };
    yield* opening(turn);
    yield itemAdded(0, { ...item, status: 'in_progress' });
    yield itemDone(0, { ...item, status: 'completed', ...hostedItems[options.kind] });
    yield* message(turn, { ...options, outputIndex: 1 });
    yield completed(turn, options);
  },
});

/** A compaction item that only its account may bring back. */
export function compactionItem(turn: Pick<Turn, 'parts' | 'account'>): Record<string, unknown> {
  const id = turn.parts.ids.next('cmp');
  const encrypted = encryptState({ accountId: turn.account.id, itemId: id }, turn.parts.random);
  return { type: 'compaction', id, encrypted_content: encrypted };
}

const n7 = behaviour({
  what: 'One compaction item. A compaction_trigger gets it by itself.',
  options: z.object({ usage: usageOption }),
  *answer(turn, options) {
    yield* opening(turn);
    yield itemDone(0, compactionItem(turn));
    yield completed(turn, options);
  },
});

const n15 = behaviour({
  what: 'An image drawn by the hosted tool, in stages; or its refusal, or no image at all.',
  options: z.object({
    kind: z.enum(['drawn', 'refused', 'failed', 'none']).default('drawn'),
    partialImages: z.number().int().min(0).max(3).default(0),
    usage: usageOption,
  }),
  *answer(turn, options) {
    const item = { type: 'image_generation_call', id: turn.parts.ids.next('ig') };
    const shown = { size: '1024x1024', quality: 'low', background: 'opaque', output_format: 'png' };
    yield* opening(turn);
    if (options.kind !== 'none') yield itemAdded(0, { ...item, status: 'in_progress' });
    for (let index = 0; index < options.partialImages; index += 1)
      yield event({
        type: 'response.image_generation_call.partial_image',
        item_id: item.id,
        output_index: 0,
        partial_image_index: index,
        partial_image_b64: onePixelPng,
        ...shown,
      });
    const drawn = { status: 'completed', result: onePixelPng, revised_prompt: 'a sandbox', ...shown };
    if (options.kind === 'drawn') yield itemDone(0, { ...item, ...drawn });
    if (options.kind === 'refused') yield itemDone(0, { ...item, status: 'failed', error: imageRefusal });
    if (options.kind === 'failed') yield itemDone(0, { ...item, status: 'failed', error: imageFailure });
    const image_gen = { input_tokens: 12, output_tokens: 196, total_tokens: 208 };
    yield completed(turn, { usage: options.usage, toolUsage: options.kind === 'drawn' ? { image_gen } : undefined });
  },
});

const imageRefusal = {
  type: 'invalid_request_error',
  code: 'moderation_blocked',
  message: 'Rejected by the safety system.',
};
const imageFailure = { type: 'server_error', code: 'server_error', message: 'The tool broke.' };

export const toolBehaviours = { N4: n4, N5: n5, N6: n6, N7: n7, N15: n15 };
