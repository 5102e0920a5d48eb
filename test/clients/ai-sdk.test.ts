/** The Vercel AI SDK with its OpenAI provider, as applications use them, on the models of either surface. */
import { beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../server/lib/json-values.ts';
import { installLibrary } from '../support/node-clients.ts';
import { aiSdkProofs, type AiSdk } from './ai-sdk-proofs.ts';
import { model, useClientScene } from './client-scene.ts';
import { prove } from './prove.ts';
import { runSnippet, snippet } from './snippets.ts';

interface Provider {
  responses(model: string): object;
  chat(model: string): object;
  transcription(model: string): object;
  image(model: string): object;
  files(): object;
}

const scene = useClientScene();
let sdk: AiSdk;
let createOpenAI: (options: object) => Provider;
beforeAll(async () => {
  const load = await installLibrary('ai-sdk');
  sdk = load('ai') as AiSdk;
  ({ createOpenAI } = load('@ai-sdk/openai') as { createOpenAI: typeof createOpenAI });
});

const provider = (apiKey = scene.key) => createOpenAI({ baseURL: `${scene.bench.gateway.url}/v1`, apiKey });
/** Otherwise it would name earlier items by ids that nobody keeps. */
const options = { providerOptions: { openai: { store: false } } };

prove('ai-sdk', {
  ...aiSdkProofs({
    scene,
    sdk: () => sdk,
    modelOf: (surface, key) => provider(key)[surface](model),
    imageModel: () => provider().image('gpt-image-2'),
    options,
  }),

  async transcription() {
    const asked = { model: provider().transcription('gpt-4o-transcribe'), audio: Buffer.from('RIFF....WAVEfmt sound') };
    expect(await sdk.transcribe(asked)).toMatchObject({ text: 'Words the sandbox heard.' });
  },

  async fileUpload() {
    const mediaType = 'application/pdf';
    const bytes = { data: Buffer.from('%PDF-1.7'), filename: 'a.pdf', mediaType };
    const file = await sdk.uploadFile({ api: provider().files(), ...bytes });
    const content = [{ type: 'file', data: file['providerReference'], mediaType }];
    await sdk.generateText({ model: provider().responses(model), prompt: [{ role: 'user', content }], ...options });
    expect(JSON.stringify(scene.asks())).toContain(textOf(file['providerReference']?.['openai']));
  },
});

describe('what the documents show', () => {
  it('runs', async () => {
    scene.anna.answers('Hello from the Pool.');
    const shown = snippet("from '@ai-sdk/openai'", scene.bench.gateway);
    expect(await runSnippet(shown, { client: 'ai-sdk', key: scene.key })).toBe('Hello from the Pool.\n');
  });
});
