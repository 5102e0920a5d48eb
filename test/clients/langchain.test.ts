/** LangChain, as applications use it, on either surface. */
import { beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../server/lib/json-values.ts';
import { onePixelPng } from '../../server/sandbox/behaviours/tools.ts';
import type { Loose } from '../support/ask-public.ts';
import { installLibrary } from '../support/node-clients.ts';
import type { Surface } from './client-matrix.ts';
import { answers, lookUp, model, png, schema, textsOf, useClientScene, type Call, type Make } from './client-scene.ts';
import { prove } from './prove.ts';
import { runSnippet, snippet } from './snippets.ts';

interface ChatModel {
  invoke: Call;
  stream(messages: unknown, options?: object): Promise<AsyncIterable<Loose>>;
  bindTools(tools: readonly object[]): ChatModel;
  withStructuredOutput(schema: object, options: object): ChatModel;
}
interface Library {
  readonly ChatOpenAI: Make<ChatModel>;
  readonly tools: { imageGeneration(): object };
}

const scene = useClientScene();
let library: Library;
let ToolMessage: Make<object>;
beforeAll(async () => {
  const load = await installLibrary('langchain');
  library = load('@langchain/openai') as Library;
  ({ ToolMessage } = load('@langchain/core/messages') as { ToolMessage: typeof ToolMessage });
});

function chatModel(surface: Surface, apiKey = scene.key): ChatModel {
  const configuration = { baseURL: `${scene.bench.gateway.url}/v1` };
  return new library.ChatOpenAI({ model, apiKey, useResponsesApi: surface === 'responses', configuration });
}

/** Asks, calls what it is told to, and sends the results. */
async function goRound(surface: Surface): Promise<{ text: unknown; asked: unknown[] }> {
  const bound = chatModel(surface).bindTools([{ type: 'function', function: lookUp }]);
  const first = await bound.invoke('hi');
  const calls = first['tool_calls'] as unknown as Loose[];
  const results = calls.map(({ id }) => new ToolMessage({ tool_call_id: id, content: 'weather' }));
  const { text } = await bound.invoke([{ role: 'user', content: 'hi' }, first, ...results]);
  return { text, asked: calls.map(({ args }) => args) };
}

prove('langchain', {
  async plain(surface) {
    scene.anna.answers('Grüße 🚀');
    const answer = await chatModel(surface).invoke('hi');
    expect(answer['text']).toBe('Grüße 🚀');
    expect(answer['usage_metadata']).toMatchObject({ input_tokens: 100, output_tokens: 7 });
  },

  async streamed(surface) {
    scene.anna.answers('Grüße 🚀');
    expect(await textsOf(await chatModel(surface).stream('hi'), ({ text }) => text)).toBe('Grüße 🚀');
  },

  async toolLoop(surface) {
    scene.anna.answers(answers.toolCall).thenAnswers(answers.toolCall);
    expect(await goRound(surface)).toEqual({ text: 'It rains.', asked: [{ city: 'Rome' }] });
    expect(scene.bench.sandbox.violations).toEqual([]);
  },

  async parallelTools(surface) {
    scene.anna.answers(answers.twoCalls).thenAnswers(answers.twoCalls);
    const asked = [{ city: 'Rome' }, { city: 'Oslo' }];
    expect(await goRound(surface)).toEqual({ text: 'Rain and snow.', asked });
  },

  async structuredOutput(surface) {
    scene.anna.answers('{"city":"Rome"}');
    const shape = { name: 'place', method: 'jsonSchema', strict: true };
    expect(await chatModel(surface).withStructuredOutput(schema, shape).invoke('hi')).toEqual({ city: 'Rome' });
    expect(scene.asks()[0]?.['text']).toMatchObject({ format: { type: 'json_schema', schema, strict: true } });
  },

  async imageInput(surface) {
    const content = [
      { type: 'text', text: 'where?' },
      { type: 'image_url', image_url: { url: png } },
    ];
    await chatModel(surface).invoke([{ role: 'user', content }]);
    expect(JSON.stringify(scene.asks())).toContain(png);
  },

  async wrongKey(surface) {
    await expect(chatModel(surface, 'sk-cxp-none').invoke('hi')).rejects.toMatchObject({
      status: 401,
      lc_error_code: 'MODEL_AUTHENTICATION',
    });
    expect(await scene.bench.statuses()).toEqual([401]);
  },

  async modelNotAllowed(surface) {
    await expect(chatModel(surface, await scene.narrowKey()).invoke('hi')).rejects.toMatchObject({
      status: 403,
      code: 'model_not_allowed',
    });
    expect(await scene.bench.statuses()).toEqual([403]);
  },

  async limitWithWait(surface) {
    scene.anna.answers(answers.wait).thenAnswers('at last');
    expect((await chatModel(surface).invoke('hi'))['text']).toBe('at last');
    expect(await scene.bench.statuses()).toEqual([429, 200]);
  },

  async contextTooLong(surface) {
    scene.anna.answers(answers.contextTooLong);
    await expect(chatModel(surface).invoke('hi')).rejects.toMatchObject({ name: 'ContextOverflowError' });
    expect(await scene.bench.statuses()).toEqual([400]);
  },

  async upstreamCut(surface) {
    scene.anna.answers(answers.cut);
    let text = '';
    const reading = async () => {
      for await (const chunk of await chatModel(surface).stream('hi')) text += textOf(chunk['text']);
    };
    await expect(reading()).rejects.toThrow('ended before its answer was complete');
    expect(text).toBe('word1 word2 ');
  },

  async abort(surface) {
    scene.anna.answers(answers.slow);
    const left = scene.leaving();
    const abort = new AbortController();
    const reading = async () => {
      const stream = await chatModel(surface).stream('hi', { signal: abort.signal });
      for await (const chunk of stream) if (chunk['text']) abort.abort();
    };
    await expect(reading()).rejects.toThrow(/abort/i);
    await left();
  },

  // It has no call for images, but can ask a model to use the tool that draws.
  async imageGeneration(surface) {
    scene.anna.answers({ behaviour: 'N6', kind: 'image_generation_call' });
    const answer = await chatModel(surface).invoke('draw', { tools: [library.tools.imageGeneration()] });
    expect(answer['content']?.[0]).toMatchObject({ type: 'image', mimeType: 'image/png', data: onePixelPng });
  },
});

describe('what the documents show', () => {
  it('runs', async () => {
    scene.anna.answers('Hello from the Pool.');
    const shown = snippet("from '@langchain/openai'", scene.bench.gateway);
    expect(await runSnippet(shown, { client: 'langchain', key: scene.key })).toBe('Hello from the Pool.\n');
  });
});
