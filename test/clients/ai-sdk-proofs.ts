/** What the Vercel AI SDK does with any model that writes, whichever of its provider packages made the model. */
import { expect } from 'vitest';
import { onePixelPng } from '../../server/sandbox/behaviours/tools.ts';
import type { Loose } from '../support/ask-public.ts';
import type { Proofs, Surface } from './client-matrix.ts';
import { answers, png, schema, textsOf, type Call, type ClientScene } from './client-scene.ts';

/** What of it is called here; the rest of it stays unknown. */
export interface AiSdk {
  generateText: Call;
  streamText(options: object): {
    textStream: AsyncIterable<string>;
    finishReason: Promise<string>;
    usage: Promise<Loose>;
    reasoningText: Promise<string>;
  };
  transcribe: Call;
  generateImage: Call;
  uploadFile: Call;
  tool(options: object): object;
  stepCountIs(steps: number): object;
  jsonSchema(schema: object): object;
  readonly Output: { object(options: object): object };
}

interface Given {
  readonly scene: ClientScene;
  /** It is loaded when the proofs are run. */
  readonly sdk: () => AiSdk;
  /** The model on a surface, asked with a key. */
  readonly modelOf: (surface: Surface, key: string) => object;
  /** The image model. */
  readonly imageModel: () => object;
  /** What else goes with every question. */
  readonly options?: object;
}

/** Proofs that every provider package of the SDK has in common. */
export function aiSdkProofs({ scene, sdk, modelOf, imageModel, options = {} }: Given): Proofs<'ai-sdk-compatible'> {
  const asking = (surface: Surface, key = scene.key) => ({ model: modelOf(surface, key), prompt: 'hi', ...options });
  const generate = (surface: Surface, more: object = {}) => sdk().generateText({ ...asking(surface), ...more });

  /** Its own tool loop, which calls what is asked for and goes on by itself. */
  async function goRound(surface: Surface): Promise<{ text: unknown; asked: unknown[]; steps: number }> {
    const asked: unknown[] = [];
    const execute = (input: unknown) => {
      asked.push(input);
      return Promise.resolve('weather');
    };
    const look_up = sdk().tool({ inputSchema: sdk().jsonSchema(schema), execute });
    const { text, steps } = await generate(surface, { tools: { look_up }, stopWhen: sdk().stepCountIs(3) });
    return { text, asked, steps: (steps as unknown as Loose[]).length };
  }

  return {
    async plain(surface) {
      scene.anna.answers('Grüße 🚀');
      expect(await generate(surface)).toMatchObject({ text: 'Grüße 🚀', finishReason: 'stop' });
    },

    async streamed(surface) {
      scene.anna.answers('Grüße 🚀');
      const { textStream, finishReason, usage } = sdk().streamText(asking(surface));
      expect(await textsOf(textStream, (each) => each)).toBe('Grüße 🚀');
      expect(await finishReason).toBe('stop');
      expect(await usage).toMatchObject({ inputTokens: 100, outputTokens: 7 });
    },

    async toolLoop(surface) {
      scene.anna.answers(answers.toolCall).thenAnswers(answers.toolCall);
      expect(await goRound(surface)).toEqual({ text: 'It rains.', asked: [{ city: 'Rome' }], steps: 2 });
      expect(scene.bench.sandbox.violations).toEqual([]);
    },

    async parallelTools(surface) {
      scene.anna.answers(answers.twoCalls).thenAnswers(answers.twoCalls);
      const asked = [{ city: 'Rome' }, { city: 'Oslo' }];
      expect(await goRound(surface)).toEqual({ text: 'Rain and snow.', asked, steps: 2 });
    },

    async structuredOutput(surface) {
      scene.anna.answers('{"city":"Rome"}');
      const answer = await generate(surface, { output: sdk().Output.object({ schema: sdk().jsonSchema(schema) }) });
      expect(answer['output']).toEqual({ city: 'Rome' });
      expect(scene.asks()[0]?.['text']).toMatchObject({ format: { type: 'json_schema', schema } });
    },

    async imageInput(surface) {
      const content = [
        { type: 'text', text: 'where?' },
        { type: 'file', data: png, mediaType: 'image/png' },
      ];
      await generate(surface, { prompt: [{ role: 'user', content }] });
      expect(JSON.stringify(scene.asks())).toContain(png);
    },

    async wrongKey(surface) {
      await expect(sdk().generateText(asking(surface, 'sk-cxp-none'))).rejects.toMatchObject({
        statusCode: 401,
        isRetryable: false,
      });
      expect(await scene.bench.statuses()).toEqual([401]);
    },

    async modelNotAllowed(surface) {
      await expect(sdk().generateText(asking(surface, await scene.narrowKey()))).rejects.toMatchObject({
        statusCode: 403,
        message: expect.stringContaining('may not use this model') as string,
      });
      expect(await scene.bench.statuses()).toEqual([403]);
    },

    async limitWithWait(surface) {
      scene.anna.answers(answers.wait).thenAnswers('at last');
      expect(await generate(surface)).toMatchObject({ text: 'at last' });
      expect(await scene.bench.statuses()).toEqual([429, 200]);
    },

    async contextTooLong(surface) {
      scene.anna.answers(answers.contextTooLong);
      await expect(generate(surface)).rejects.toMatchObject({
        statusCode: 400,
        message: expect.stringContaining('maximum context length') as string,
      });
      expect(await scene.bench.statuses()).toEqual([400]);
    },

    async upstreamCut(surface) {
      scene.anna.answers(answers.cut);
      const errors: string[] = [];
      const onError = ({ error }: { error: Error }) => void errors.push(error.message);
      const { textStream, finishReason } = sdk().streamText({ ...asking(surface), onError });
      expect(await textsOf(textStream, (each) => each)).toBe('word1 word2 ');
      expect(await finishReason).toBe('error');
      expect(errors).toEqual([expect.stringContaining('ended before its answer was complete')]);
    },

    async abort(surface) {
      scene.anna.answers(answers.slow);
      const left = scene.leaving();
      const abort = new AbortController();
      const { textStream } = sdk().streamText({ ...asking(surface), abortSignal: abort.signal });
      for await (const text of textStream) if (text) abort.abort();
      await left();
    },

    async imageGeneration() {
      scene.anna.answers(answers.image);
      const drawn = await sdk().generateImage({ model: imageModel(), prompt: 'a red square' });
      expect(drawn['image']?.['base64']).toBe(onePixelPng);
    },
  };
}
