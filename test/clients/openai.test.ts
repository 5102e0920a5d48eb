/** The `openai` library, as applications use it: what they ask works, and what fails they can understand. */
import { beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../server/lib/json-values.ts';
import type { Loose } from '../support/ask-public.ts';
import { installLibrary } from '../support/node-clients.ts';
import { clients, type Surface } from './client-matrix.ts';
import {
  answers,
  lookUp,
  model,
  png,
  schema,
  textsOf,
  useClientScene,
  user,
  type Call,
  type Make,
} from './client-scene.ts';
import { prove } from './prove.ts';
import { runSnippet, snippet } from './snippets.ts';

interface Streaming extends AsyncIterable<Loose> {
  finalChatCompletion(): Promise<Loose>;
  finalResponse(): Promise<Loose>;
}
interface OpenAi {
  readonly responses: { create: Call; parse: Call; compact: Call; stream(body: object): Streaming };
  readonly chat: { completions: { create: Call; parse: Call; stream(body: object): Streaming } };
  readonly models: { list(): AsyncIterable<Loose>; retrieve: Call };
  readonly audio: { transcriptions: { create: Call } };
  readonly images: { generate: Call; edit: Call };
  readonly files: { create: Call; retrieve: Call };
}
interface Library {
  readonly default: Make<OpenAi>;
  toFile(bytes: Buffer, name: string, options?: object): Promise<object>;
}

const scene = useClientScene();
let library: Library;
beforeAll(async () => {
  const load = await installLibrary('openai');
  library = load('openai') as Library;
});

function client(apiKey = scene.key): OpenAi {
  return new library.default({ baseURL: `${scene.bench.gateway.url}/v1`, apiKey });
}

const listOf = (value: unknown) => value as Loose[];

/** The same questions in the words of either surface. */
const speech = {
  responses: {
    create: (body: object = {}, options: object = {}, from = client()) =>
      from.responses.create({ model, input: [user], ...body }, options),
    parse: (body: object) => client().responses.parse({ model, input: [user], ...body }),
    stream: (body: object = {}) => {
      const events = client().responses.stream({ model, input: [user], ...body });
      return { events, final: () => events.finalResponse() };
    },
    textIn: (answer: Loose) => textOf(answer['output_text']),
    deltaOf: (event: Loose) => (textOf(event['type']) === 'response.output_text.delta' ? textOf(event['delta']) : ''),
    tools: [{ type: 'function', ...lookUp }],
    /** Arguments of the calls it asks for. */
    calls: (answer: Loose) => listOf(answer['output']).map((item) => item['arguments']),
    /** The conversation once every call has its result. */
    goOn: (answer: Loose) => {
      const asked = listOf(answer['output']);
      const told = asked.map((item) => ({ type: 'function_call_output', call_id: item['call_id'], output: 'weather' }));
      return { input: [user, ...asked, ...told] };
    },
    shape: { text: { format: { type: 'json_schema', name: 'place', schema, strict: true } } },
    withImage: { input: [{ role: 'user', content: [{ type: 'input_image', image_url: png, detail: 'low' }] }] },
  },
  chat: {
    create: (body: object = {}, options: object = {}, from = client()) =>
      from.chat.completions.create({ model, messages: [user], ...body }, options),
    parse: (body: object) => client().chat.completions.parse({ model, messages: [user], ...body }),
    stream: (body: object = {}) => {
      const events = client().chat.completions.stream({ model, messages: [user], ...body });
      return { events, final: () => events.finalChatCompletion() };
    },
    textIn: (answer: Loose) => textOf(answer['choices']?.[0]?.['message']?.['content']),
    deltaOf: (event: Loose) => textOf(event['choices']?.[0]?.['delta']?.['content']),
    tools: [{ type: 'function', function: lookUp }],
    calls: (answer: Loose) =>
      listOf(answer['choices']?.[0]?.['message']?.['tool_calls']).map((call) => call['function']?.['arguments']),
    goOn: (answer: Loose) => {
      const message = answer['choices']?.[0]?.['message'];
      const asked = listOf(message?.['tool_calls']);
      return {
        messages: [user, message, ...asked.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'weather' }))],
      };
    },
    shape: { response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } } },
    withImage: { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: png } }] }] },
  },
} as const;

const refusal = (surface: Surface, from: OpenAi) => speech[surface].create({}, {}, from);

prove('openai', {
  async plain(surface) {
    scene.anna.answers('Grüße 🚀');
    const { create, textIn } = speech[surface];
    expect(textIn(await create())).toBe('Grüße 🚀');
  },

  async streamed(surface) {
    scene.anna.answers('Grüße 🚀').thenAnswers('Grüße 🚀');
    const { create, stream, deltaOf, textIn } = speech[surface];
    const { events, final } = stream(surface === 'chat' ? { stream_options: { include_usage: true } } : {});
    expect(await textsOf(events, deltaOf)).toBe('Grüße 🚀');
    const streamed = await final();
    expect(textIn(streamed)).toBe('Grüße 🚀');
    expect(streamed['usage']).toEqual((await create())['usage']);
  },

  async toolLoop(surface) {
    scene.anna.answers(answers.toolCall).thenAnswers(answers.toolCall);
    const { create, tools, calls, goOn, textIn } = speech[surface];
    const first = await create({ tools });
    expect(calls(first)).toEqual(['{"city":"Rome"}']);
    expect(textIn(await create({ tools, ...goOn(first) }))).toBe('It rains.');
    expect(scene.bench.sandbox.violations).toEqual([]);
  },

  async parallelTools(surface) {
    scene.anna.answers(answers.twoCalls).thenAnswers(answers.twoCalls);
    const { stream, create, tools, calls, goOn, textIn } = speech[surface];
    const first = await stream({ tools }).final();
    expect(calls(first)).toEqual(['{"city":"Rome"}', '{"city":"Oslo"}']);
    expect(textIn(await create({ tools, ...goOn(first) }))).toBe('Rain and snow.');
  },

  async structuredOutput(surface) {
    scene.anna.answers('{"city":"Rome"}');
    const { parse, shape, textIn } = speech[surface];
    expect(JSON.parse(textIn(await parse(shape)))).toEqual({ city: 'Rome' });
    expect(scene.asks()[0]?.['text']).toEqual({ format: { type: 'json_schema', name: 'place', schema, strict: true } });
  },

  async imageInput(surface) {
    const { create, withImage } = speech[surface];
    await create(withImage);
    expect(JSON.stringify(scene.asks())).toContain(png);
  },

  async wrongKey(surface) {
    await expect(refusal(surface, client('sk-cxp-none'))).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    expect(await scene.bench.statuses()).toEqual([401]);
  },

  async modelNotAllowed(surface) {
    await expect(refusal(surface, client(await scene.narrowKey()))).rejects.toMatchObject({
      status: 403,
      code: 'model_not_allowed',
      param: 'model',
    });
    expect(await scene.bench.statuses()).toEqual([403]);
    expect(scene.asks()).toEqual([]);
  },

  async limitWithWait(surface) {
    scene.anna.answers(answers.wait).thenAnswers('at last');
    const { create, textIn } = speech[surface];
    expect(textIn(await create())).toBe('at last');
    expect(await scene.bench.statuses()).toEqual([429, 200]);
  },

  async contextTooLong(surface) {
    scene.anna.answers(answers.contextTooLong).thenAnswers(answers.contextTooLong);
    const told = {
      status: 400,
      code: 'context_length_exceeded',
      message: expect.stringContaining('maximum context length') as string,
    };
    await expect(speech[surface].create()).rejects.toMatchObject(told);
    await expect(speech[surface].create({ stream: true })).rejects.toMatchObject(told);
    expect(await scene.bench.statuses()).toEqual([400, 400]);
  },

  async upstreamCut(surface) {
    scene.anna.answers(answers.cut);
    let text = '';
    const reading = async () => {
      for await (const event of await speech[surface].create({ stream: true })) text += speech[surface].deltaOf(event);
    };
    await expect(reading()).rejects.toThrow('ended before its answer was complete');
    expect(text).toBe('word1 word2 ');
  },

  async abort(surface) {
    scene.anna.answers(answers.slow);
    const left = scene.leaving();
    const abort = new AbortController();
    const stream = await speech[surface].create({ stream: true }, { signal: abort.signal });
    for await (const event of stream) if (speech[surface].deltaOf(event)) abort.abort();
    await left();
  },

  async transcription() {
    const file = await library.toFile(Buffer.from('RIFF sound'), 'a.wav');
    expect(await client().audio.transcriptions.create({ model: 'gpt-4o-transcribe', file })).toMatchObject({
      text: 'Words the sandbox heard.',
    });
  },

  async imageGeneration() {
    scene.anna.answers(answers.image).thenAnswers(answers.image);
    const ask = { model: 'gpt-image-2', prompt: 'a red square' };
    const drawn = await client().images.generate(ask);
    expect(drawn['data']?.[0]?.['b64_json']).toMatch(/^iVBOR/);
    const bytes = Buffer.from(png.slice(png.indexOf(',') + 1), 'base64');
    const image = await library.toFile(bytes, 'a.png', { type: 'image/png' });
    expect((await client().images.edit({ ...ask, image }))['data']?.[0]?.['b64_json']).toMatch(/^iVBOR/);
  },

  async fileUpload() {
    const { files, responses } = client();
    const bytes = await library.toFile(Buffer.from('%PDF-1.7'), 'a.pdf');
    const file = await files.create({ file: bytes, purpose: 'user_data' });
    expect(await files.retrieve(file['id'])).toMatchObject({ id: file['id'], object: 'file', bytes: 8 });
    const content = [{ type: 'input_file', file_id: file['id'] }];
    await responses.create({ model, input: [{ role: 'user', content }] });
    expect(JSON.stringify(scene.asks())).toContain(textOf(file['id']));
  },
});

describe(`${clients.openai.name}, beside that,`, () => {
  it('lists models, and compacts', async () => {
    const ids: unknown[] = [];
    for await (const each of client().models.list()) ids.push(each['id']);
    expect(ids).toEqual(['gpt-6.1-sol', 'gpt-5.5']);
    expect(await client().models.retrieve('gpt-5.5')).toMatchObject({ object: 'model', id: 'gpt-5.5' });
    expect(await client().responses.compact({ model, input: [user] })).toMatchObject({
      output: [{ type: 'compaction' }],
    });
  });

  it('is told by name what cannot be had', async () => {
    await expect(speech.chat.create({ n: 2 })).rejects.toMatchObject({ status: 400, param: 'n' });
    expect(scene.asks()).toEqual([]);
  });

  it('does not wait for a limit that is far away', async () => {
    scene.anna.answers({ behaviour: 'F3', kind: 'usage_limit_reached', resetsInSeconds: 600 });
    await expect(speech.responses.create()).rejects.toMatchObject({ status: 429, type: 'insufficient_quota' });
    expect(await scene.bench.statuses()).toEqual([429]);
  });
});

describe('what the documents show', () => {
  it('runs', async () => {
    scene.anna.answers('Hello from the Pool.');
    const shown = snippet("from 'openai'", scene.bench.gateway);
    expect(await runSnippet(shown, { client: 'openai', key: scene.key })).toBe('Hello from the Pool.\n');
  });
});
