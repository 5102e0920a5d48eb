/** The Vercel AI SDK with its provider for whatever speaks like OpenAI, which agents such as Cline stand on. */
import { beforeAll, describe, expect, it } from 'vitest';
import { installLibrary } from '../support/node-clients.ts';
import { aiSdkProofs, type AiSdk } from './ai-sdk-proofs.ts';
import { clients } from './client-matrix.ts';
import { model, textsOf, useClientScene } from './client-scene.ts';
import { prove } from './prove.ts';

interface Provider {
  chatModel(model: string): object;
  imageModel(model: string): object;
}

const scene = useClientScene();
let sdk: AiSdk;
let createOpenAICompatible: (options: object) => Provider;
beforeAll(async () => {
  const load = await installLibrary('ai-sdk-compatible');
  sdk = load('ai') as AiSdk;
  ({ createOpenAICompatible } = load('@ai-sdk/openai-compatible') as {
    createOpenAICompatible: typeof createOpenAICompatible;
  });
});

function provider(apiKey = scene.key): Provider {
  const asks = { includeUsage: true, supportsStructuredOutputs: true };
  return createOpenAICompatible({ name: 'pool', baseURL: `${scene.bench.gateway.url}/v1`, apiKey, ...asks });
}

prove(
  'ai-sdk-compatible',
  aiSdkProofs({
    scene,
    sdk: () => sdk,
    modelOf: (_, key) => provider(key).chatModel(model),
    imageModel: () => provider().imageModel('gpt-image-2'),
  }),
);

describe(`${clients['ai-sdk-compatible'].name}, beside that,`, () => {
  it('reads what the model thought, and counts it', async () => {
    scene.anna.answers({ behaviour: 'N3', deltas: 3 });
    const { textStream, reasoningText, usage } = sdk.streamText({ model: provider().chatModel(model), prompt: 'hi' });
    expect(await textsOf(textStream, (each) => each)).toBe('word1 word2 word3 ');
    expect(await reasoningText).toBe('**Thinking** about it');
    expect(await usage).toMatchObject({ outputTokenDetails: { reasoningTokens: 40 } });
  });
});
