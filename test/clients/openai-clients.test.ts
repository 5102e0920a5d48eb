/** Libraries that applications use, unchanged, against the server: what they ask works, and what fails they understand. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textOf } from '../../server/gateway/dialects/openai/json-record.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import type { Loose } from '../support/ask-public.ts';
import { installNodeClients } from '../support/node-clients.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';

/** What of the libraries is called here; the rest of them stays unknown. */
type Call = (...given: unknown[]) => Promise<Loose & AsyncIterable<Loose>>;
type Make<T> = new (options: object) => T;
interface Streaming extends AsyncIterable<Loose> {
  finalChatCompletion(): Promise<Loose>;
  finalResponse(): Promise<Loose>;
}
interface OpenAi {
  readonly responses: { create: Call; parse: Call; compact: Call; stream(body: object): Streaming };
  readonly chat: { completions: { create: Call; parse: Call; stream(body: object): Streaming } };
  readonly models: { list(): AsyncIterable<Loose>; retrieve: Call };
  readonly audio: { transcriptions: { create: Call } };
  readonly images: { generate: Call };
  readonly files: { create: Call; retrieve: Call };
}
interface AiModels {
  responses(model: string): object;
  chat(model: string): object;
}
interface Ai {
  generateText: Call;
  streamText(options: object): {
    textStream: AsyncIterable<string>;
    finishReason: Promise<string>;
    usage: Promise<Loose>;
  };
  tool(options: object): object;
  stepCountIs(steps: number): object;
  jsonSchema(schema: object): object;
  readonly Output: { object(options: object): object };
}
interface ChatModel {
  invoke: Call;
  stream(messages: unknown): Promise<AsyncIterable<Loose>>;
  bindTools(tools: readonly object[]): ChatModel;
  withStructuredOutput(schema: object, options: object): ChatModel;
}

let bench: ClientBench;
let load: (name: string) => unknown;
let anna: SandboxAccount;
let key: string;

beforeAll(async () => {
  load = await installNodeClients();
  bench = await openClientBench({ codex: [] });
});
afterAll(() => bench?.stop());
beforeEach(async () => {
  await bench.fresh();
  anna = await bench.link('anna', { percentPerAnswer: 0, models: ['gpt-5.5', 'gpt-6.1-sol'] });
  key = await bench.key({ name: `key ${(keys += 1)}` });
});
let keys = 0;

const model = 'gpt-5.5';
const user = { role: 'user', content: 'hi' };
const png = 'data:image/png;base64,iVBORw0KGgo=';
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const lookUp = { name: 'look_up', description: 'Looks a city up.', parameters: schema, strict: true };
const callsTool = { behaviour: 'N4', name: 'look_up', arguments: '{"city":"Rome"}', text: 'It rains.' } as const;
const lastBody = () => bench.sandbox.requests.findLast(({ path }) => path.endsWith('/responses'))?.json() ?? {};

async function textsOf<T>(stream: AsyncIterable<T>, read: (event: T) => unknown): Promise<string> {
  let text = '';
  for await (const event of stream) text += textOf(read(event));
  return text;
}

describe('the openai library', () => {
  const client = (options: object = {}) => {
    const { default: OpenAI } = load('openai') as { default: Make<OpenAi> };
    return new OpenAI({ baseURL: `${bench.gateway.url}/v1`, apiKey: key, ...options });
  };

  it('gets the same answer whole and streamed, on both surfaces', async () => {
    for (let count = 0; count < 4; count += 1) anna.answers('Grüße 🚀');
    const { responses, chat } = client();
    const whole = await responses.create({ model, input: 'hi' });
    const stream = responses.stream({ model, input: 'hi' });
    expect(
      await textsOf(stream, (event) => (textOf(event['type']) === 'response.output_text.delta' ? event['delta'] : '')),
    ).toBe('Grüße 🚀');
    expect([whole['output_text'], (await stream.finalResponse())['output_text']]).toEqual(['Grüße 🚀', 'Grüße 🚀']);
    const completion = await chat.completions.create({ model, messages: [user] });
    const chunks = await chat.completions.create({
      model,
      messages: [user],
      stream: true,
      stream_options: { include_usage: true },
    });
    let usage: unknown;
    const streamed = await textsOf(chunks, (chunk) => {
      usage = chunk['usage'] ?? usage;
      return chunk['choices']?.[0]?.['delta']?.['content'];
    });
    expect([completion['choices']?.[0]?.['message']?.['content'], streamed]).toEqual(['Grüße 🚀', 'Grüße 🚀']);
    expect(usage).toEqual(completion['usage']);
    expect(bench.sandbox.violations).toEqual([]);
  });

  it('goes round a tool loop, on both surfaces', async () => {
    anna.answers(callsTool).thenAnswers(callsTool).thenAnswers(callsTool).thenAnswers(callsTool);
    const { responses, chat } = client();
    const tools = [{ type: 'function', function: lookUp }];
    const first = await chat.completions.create({ model, messages: [user], tools });
    const message = first['choices']?.[0]?.['message'];
    expect(first['choices']?.[0]).toMatchObject({ finish_reason: 'tool_calls' });
    const result = { role: 'tool', tool_call_id: message?.['tool_calls']?.[0]?.['id'], content: 'rain' };
    const second = await chat.completions.create({ model, messages: [user, message, result], tools });
    expect(second['choices']?.[0]).toMatchObject({ message: { content: 'It rains.' }, finish_reason: 'stop' });

    const flat = [{ type: 'function', ...lookUp }];
    const asked = await responses.create({ model, input: [user], tools: flat });
    const call = asked['output']?.[0];
    expect(call).toMatchObject({ type: 'function_call', name: 'look_up', arguments: '{"city":"Rome"}' });
    const output = { type: 'function_call_output', call_id: call?.['call_id'], output: 'rain' };
    const told = await responses.create({ model, input: [user, call, output], tools: flat });
    expect(told['output_text']).toBe('It rains.');
    expect(bench.sandbox.violations).toEqual([]);
  });

  it('takes two calls at once from one stream, on both surfaces', async () => {
    anna.answers({ behaviour: 'N5', kind: 'parallel' }).thenAnswers({ behaviour: 'N5', kind: 'parallel' });
    const named = { ...lookUp, name: 'exec_command' };
    const tools = [{ type: 'function', function: named }];
    const completion = await client()
      .chat.completions.stream({ model, messages: [user], tools })
      .finalChatCompletion();
    const calls = completion['choices']?.[0]?.['message']?.['tool_calls'] as unknown as Loose[];
    expect(calls.map((call) => call['function']?.['arguments'])).toEqual([
      '{"cmd":"echo sandbox one"}',
      '{"cmd":"echo sandbox two"}',
    ]);
    const response = await client()
      .responses.stream({ model, input: 'hi', tools: [{ type: 'function', ...named }] })
      .finalResponse();
    expect((response['output'] as unknown as Loose[]).map(({ type }) => type)).toEqual([
      'function_call',
      'function_call',
    ]);
  });

  it('reads an answer of the wanted shape, and sends an image', async () => {
    anna.answers('{"city":"Rome"}').thenAnswers('{"city":"Rome"}');
    const format = { name: 'place', schema, strict: true };
    const content = [
      { type: 'input_image', image_url: png, detail: 'low' },
      { type: 'input_text', text: 'where?' },
    ];
    const parsed = await client().responses.parse({
      model,
      input: [{ role: 'user', content }],
      text: { format: { type: 'json_schema', ...format } },
    });
    expect(JSON.parse(textOf(parsed['output_text']))).toEqual({ city: 'Rome' });
    expect(JSON.stringify(lastBody())).toContain(png);
    const parts = [
      { type: 'image_url', image_url: { url: png } },
      { type: 'text', text: 'where?' },
    ];
    const completion = await client().chat.completions.parse({
      model,
      messages: [{ role: 'user', content: parts }],
      response_format: { type: 'json_schema', json_schema: format },
    });
    expect(completion['choices']?.[0]?.['message']?.['content']).toBe('{"city":"Rome"}');
    expect(lastBody()['text']).toEqual({ format: { type: 'json_schema', ...format } });
  });

  it('lists models, and compacts', async () => {
    const ids: unknown[] = [];
    for await (const each of client().models.list()) ids.push(each['id']);
    expect(ids).toEqual(['gpt-6.1-sol', 'gpt-5.5']);
    expect(await client().models.retrieve('gpt-5.5')).toMatchObject({ object: 'model', id: 'gpt-5.5' });
    expect(await client().responses.compact({ model, input: [user] })).toMatchObject({
      output: [{ type: 'compaction' }],
    });
  });

  it('has sound heard, an image drawn, and a file taken and read', async () => {
    const { toFile } = load('openai') as { toFile: (bytes: Buffer, name: string) => Promise<object> };
    const { audio, images, files, responses } = client();
    const sound = await toFile(Buffer.from('RIFF sound'), 'a.wav');
    expect(await audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: sound })).toMatchObject({
      text: 'Words the sandbox heard.',
    });
    anna.answers({ behaviour: 'N15' });
    const image = await images.generate({ model: 'gpt-image-2', prompt: 'a red square' });
    expect(image['data']?.[0]?.['b64_json']).toMatch(/^iVBOR/);
    const file = await files.create({ file: await toFile(Buffer.from('%PDF-1.7'), 'a.pdf'), purpose: 'user_data' });
    expect(await files.retrieve(file['id'])).toMatchObject({ id: file['id'], object: 'file', bytes: 8 });
    const content = [{ type: 'input_file', file_id: file['id'] }];
    expect((await responses.create({ model, input: [{ role: 'user', content }] }))['status']).toBe('completed');
  });

  it('understands what it did wrong, and asks once', async () => {
    const bare = client({ apiKey: 'sk-cxp-none' });
    await expect(bare.models.retrieve('gpt-5.5')).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    const narrow = client({ apiKey: await bench.key({ name: `narrow ${keys}`, allowedModels: ['gpt-6.1-sol'] }) });
    await expect(narrow.responses.create({ model, input: 'hi' })).rejects.toMatchObject({
      status: 403,
      code: 'model_not_allowed',
      param: 'model',
    });
    await expect(client().chat.completions.create({ model, messages: [user], n: 2 })).rejects.toMatchObject({
      status: 400,
      param: 'n',
    });
    expect(bench.sandbox.requests.filter(({ path }) => path.endsWith('/responses'))).toEqual([]);
    anna
      .answers({ behaviour: 'F5', kind: 'context_length_exceeded' })
      .thenAnswers({ behaviour: 'F5', kind: 'context_length_exceeded' });
    const refusal = {
      status: 400,
      code: 'context_length_exceeded',
      message: expect.stringContaining('maximum context length') as string,
    };
    await expect(client().chat.completions.create({ model, messages: [user] })).rejects.toMatchObject(refusal);
    await expect(client().responses.create({ model, input: 'hi', stream: true })).rejects.toMatchObject(refusal);
    expect(bench.sandbox.requests.filter(({ path }) => path.endsWith('/responses'))).toHaveLength(2);
  });

  it('waits as long as it is asked to, and does not wait for a limit that is far away', async () => {
    anna.answers({ behaviour: 'F3', kind: 'rate_limit_exceeded', retryAfter: 1 }).thenAnswers('at last');
    expect((await client().responses.create({ model, input: 'hi' }))['output_text']).toBe('at last');
    anna.answers({ behaviour: 'F3', kind: 'usage_limit_reached', resetsInSeconds: 600 });
    const before = Date.now();
    await expect(client().responses.create({ model, input: 'hi' })).rejects.toMatchObject({
      status: 429,
      type: 'insufficient_quota',
    });
    expect(Date.now() - before).toBeLessThan(5_000);
  });

  it('fails with the stream that is cut', async () => {
    anna.dropsAfter(2).thenDropsAfter(2);
    const stream = await client().responses.create({ model, input: 'hi', stream: true });
    await expect(textsOf(stream, () => '')).rejects.toThrow();
    const chunks = await client().chat.completions.create({ model, messages: [user], stream: true });
    await expect(textsOf(chunks, () => '')).rejects.toThrow();
  });

  it('takes the provider’s work back when it leaves mid-stream', async () => {
    anna.answers({ behaviour: 'N12', deltas: 200, everyMs: 50 });
    const abort = new AbortController();
    const ended = bench.sandbox.nextStreamEnd({ account: 'anna' });
    const stream = await client().chat.completions.create(
      { model, messages: [user], stream: true },
      { signal: abort.signal },
    );
    for await (const chunk of stream) if (chunk['choices']?.[0]?.['delta']?.['content']) abort.abort();
    expect(await ended).toMatchObject({ outcome: 'left' });
    expect(await bench.settled(1)).toMatchObject([{ status: 'cancelled', errorCode: 'client_disconnected' }]);
  });
});

describe.each(['responses', 'chat'] as const)('the AI SDK on its %s model', (kind) => {
  const ai = () => load('ai') as Ai;
  const languageModel = (apiKey = key) => {
    const { createOpenAI } = load('@ai-sdk/openai') as { createOpenAI: (options: object) => AiModels };
    return createOpenAI({ baseURL: `${bench.gateway.url}/v1`, apiKey })[kind](model);
  };
  const providerOptions = { openai: { store: false } };

  it('answers whole and streamed', async () => {
    anna.answers('hello').thenAnswers('hello');
    const { text, finishReason } = await ai().generateText({ model: languageModel(), prompt: 'hi', providerOptions });
    expect([text, finishReason]).toEqual(['hello', 'stop']);
    const streamed = ai().streamText({ model: languageModel(), prompt: 'hi', providerOptions });
    expect(await textsOf(streamed.textStream, (each) => each)).toBe('hello');
    expect(await streamed.usage).toMatchObject({ inputTokens: 100, outputTokens: 7 });
  });

  it('goes round a tool loop by itself', async () => {
    anna.answers(callsTool).thenAnswers(callsTool);
    const { tool, jsonSchema, stepCountIs, generateText } = ai();
    const look_up = tool({ inputSchema: jsonSchema(schema), execute: () => Promise.resolve('rain') });
    const { text, steps } = await generateText({
      model: languageModel(),
      prompt: 'hi',
      tools: { look_up },
      stopWhen: stepCountIs(3),
      providerOptions,
    });
    expect([text, (steps as unknown as Loose[]).length]).toEqual(['It rains.', 2]);
    expect(bench.sandbox.violations).toEqual([]);
  });

  it('reads an answer of the wanted shape, and sends an image', async () => {
    anna.answers('{"city":"Rome"}');
    const { generateText, jsonSchema, Output } = ai();
    const content = [
      { type: 'text', text: 'where?' },
      { type: 'image', image: png },
    ];
    const answer = await generateText({
      model: languageModel(),
      messages: [{ role: 'user', content }],
      output: Output.object({ schema: jsonSchema(schema) }),
      providerOptions,
    });
    expect(answer['output']).toEqual({ city: 'Rome' });
    expect(JSON.stringify(lastBody())).toContain('data:image/png;base64,iVBORw0KGgo=');
  });

  it('understands a wrong key and a conversation that is too long', async () => {
    await expect(ai().generateText({ model: languageModel('sk-cxp-none'), prompt: 'hi' })).rejects.toMatchObject({
      statusCode: 401,
    });
    anna.answers({ behaviour: 'F5', kind: 'context_length_exceeded' });
    await expect(ai().generateText({ model: languageModel(), prompt: 'hi' })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('maximum context length') as string,
    });
  });
});

describe.each([true, false])('LangChain, on the Responses surface: %s', (useResponsesApi) => {
  const chatModel = () => {
    const { ChatOpenAI } = load('@langchain/openai') as { ChatOpenAI: Make<ChatModel> };
    return new ChatOpenAI({
      model,
      apiKey: key,
      useResponsesApi,
      configuration: { baseURL: `${bench.gateway.url}/v1` },
    });
  };

  it('answers whole and streamed', async () => {
    anna.answers('hello').thenAnswers('hello');
    expect((await chatModel().invoke('hi'))['text']).toBe('hello');
    expect(await textsOf(await chatModel().stream('hi'), (chunk) => chunk['text'])).toBe('hello');
  });

  it('calls tools, and reads an answer of the wanted shape', async () => {
    anna.answers(callsTool).thenAnswers('{"city":"Rome"}');
    const bound = chatModel().bindTools([{ type: 'function', function: lookUp }]);
    expect((await bound.invoke('hi'))['tool_calls']).toMatchObject([{ name: 'look_up', args: { city: 'Rome' } }]);
    const shaped = chatModel().withStructuredOutput(schema, { name: 'place', method: 'jsonSchema', strict: true });
    expect(await shaped.invoke('hi')).toEqual({ city: 'Rome' });
    expect(bench.sandbox.violations).toEqual([]);
  });
});
