/** Sound and images on the OpenAI surface. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { onePixelPng } from '../../server/sandbox/behaviours/tools.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { settledRow } from '../support/ledger.ts';

let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  anna = await gateway.link('anna', { percentPerAnswer: 0, models: ['gpt-6.1-sol', 'gpt-5.5'] });
  key = await gateway.key();
});
afterAll(() => gateway.stop());
beforeEach(() => anna.forgetScript());

interface Loose {
  readonly [name: string | number]: Loose;
}

async function send(
  path: string,
  body: FormData | Record<string, unknown> | string,
  { as = key, signal }: { as?: string; signal?: AbortSignal } = {},
) {
  const isForm = body instanceof FormData;
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${as}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm || typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const json = ({ text }: { text: string }) => JSON.parse(text) as Loose;
const refusal = ({ status, text }: { status: number; text: string }) => {
  const { code, param } = (JSON.parse(text) as { error: { code: string; param: string | null } }).error;
  return [status, code, param];
};
const eventsOf = ({ text }: { text: string }) =>
  text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => JSON.parse(block.slice(block.indexOf('data: ') + 6)) as Loose);
const arrivedAt = (path: string) => gateway.sandbox.requests.filter((request) => request.path === path);
const posts = () => gateway.sandbox.requests.filter(({ method }) => method === 'POST').length;

function form(fields: Record<string, string | Blob | readonly string[]>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields))
    if (value instanceof Blob) data.append(name, value, 'a secret name.mp3');
    else for (const each of typeof value === 'string' ? [value] : value) data.append(name, each);
  return data;
}
const recording = (bytes = 9) => new Blob([Buffer.alloc(bytes, 7)]);
const png = new Blob([Buffer.from(onePixelPng, 'base64')]);

describe('a transcription', () => {
  const transcribe = (fields: Parameters<typeof form>[0], options = {}) =>
    send('/v1/audio/transcriptions', form({ model: 'whisper-1', file: recording(), ...fields }), options);

  it('is the text of the recording, as JSON or plain', async () => {
    const asJson = await transcribe({});
    expect([asJson.status, json(asJson)]).toEqual([200, { text: 'Words the sandbox heard.' }]);
    const plain = await transcribe({ response_format: 'text', model: 'gpt-4o-transcribe' });
    expect(plain.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(plain.text).toBe('Words the sandbox heard.');
  });

  it('asks the provider with the recording and its hints, and nothing else of the client', async () => {
    await transcribe({ prompt: 'names: Ada', 'keywords[]': ['one', 'two'], language: 'en', temperature: '0.5' });
    const arrived = arrivedAt('/backend-api/transcribe').at(-1);
    const boundary = arrived?.header('content-type')?.split('boundary=')[1] ?? '';
    const parts = arrived?.body.toString('latin1').split(`--${boundary}`) ?? [];
    expect(parts.filter((part) => part.includes('name="')).map((part) => /name="([^"]+)"/.exec(part)?.[1])).toEqual([
      'prompt',
      'keywords[]',
      'keywords[]',
      'file',
    ]);
    expect(arrived?.body.includes(Buffer.alloc(9, 7))).toBe(true);
    expect(arrived?.body.includes('secret name')).toBe(false);
    expect(arrived?.header('originator')).toBe('codex_pooler');
    expect(arrived?.header('user-agent')).toMatch(/^codex-pooler\//);
  });

  it.each([
    [{ model: 'tts-1' }, 'invalid_request', 'model'],
    [{ model: '' }, 'missing_required_parameter', 'model'],
    [{ response_format: 'srt' }, 'invalid_request', 'response_format'],
    [{ stream: 'true' }, 'unsupported_parameter', 'stream'],
    [{ 'timestamp_granularities[]': 'word' }, 'unsupported_parameter', 'timestamp_granularities[]'],
    [{ temperature: '7' }, 'invalid_request', 'temperature'],
    [{ 'keywords[]': ['a', ' '] }, 'invalid_request', 'keywords[]'],
    [{ file: recording(0) }, 'invalid_request', 'file'],
  ])('with %j is refused before anybody is asked', async (fields, code, param) => {
    const before = posts();
    expect(refusal(await transcribe(fields))).toEqual([400, code, param]);
    expect(posts()).toBe(before);
  });

  it.each([
    [25_000_000, 200],
    [25_000_001, 413],
  ])('of %i bytes: %i', async (bytes, status) => {
    const answer = await transcribe({ file: recording(bytes) });
    expect(answer.status).toBe(status);
    if (status === 413) expect(refusal(answer)).toEqual([413, 'payload_too_large', 'file']);
  });

  it('is for keys that may use the model', async () => {
    const mayNot = await gateway.key({ name: 'may not hear', allowedModels: ['gpt-5.5'] });
    expect(refusal(await transcribe({}, { as: mayNot }))).toEqual([403, 'model_not_allowed', 'model']);
  });

  it('asks who calls before it reads a byte', async () => {
    const answer = await send('/v1/audio/transcriptions', '{not a form', { as: 'nobody' });
    expect(refusal(answer)).toEqual([401, 'invalid_api_key', null]);
  });

  it('that the provider refuses is refused in the words of this surface', async () => {
    anna.answers({ behaviour: 'service', stage: 'transcribe', status: 400, body: { detail: 'Audio too short' } });
    const answer = await transcribe({});
    expect(refusal(answer)).toEqual([400, 'invalid_request', null]);
  });
});

describe('an image', () => {
  const generate = (fields: Record<string, unknown>, options = {}) =>
    send('/v1/images/generations', { prompt: 'a red square', ...fields }, options);

  it('is drawn by a model that writes, with one tool and the options that were given', async () => {
    anna.answers({ behaviour: 'N15' });
    const answer = await generate({ model: 'gpt-image-1', size: '1536x1024', quality: 'low', n: 1, user: 'me' });
    expect([answer.status, json(answer)]).toMatchObject([
      200,
      {
        data: [{ b64_json: onePixelPng, revised_prompt: 'a sandbox' }],
        usage: { total_tokens: 208 },
        size: '1024x1024',
      },
    ]);
    const asked = arrivedAt('/backend-api/codex/responses').at(-1)?.json();
    expect(asked).toMatchObject({
      model: 'gpt-5.5',
      store: false,
      stream: true,
      tools: [{ type: 'image_generation', model: 'gpt-image-1', size: '1536x1024', quality: 'low' }],
      tool_choice: { type: 'image_generation' },
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'a red square' }] }],
    });
    expect(JSON.stringify(asked)).not.toContain('"me"');
  });

  it('is recorded under the model that draws', async () => {
    anna.answers({ behaviour: 'N15' });
    const id = (await generate({})).headers.get('x-request-id');
    const row = await settledRow(gateway, id);
    expect(row).toMatchObject({ requestedModel: 'gpt-image-2', model: 'gpt-5.5', status: 'succeeded' });
  });

  const rowOf = ({ headers }: { headers: Headers }) => settledRow(gateway, headers.get('x-request-id'));

  it('comes in stages, and its usage with the last', async () => {
    anna.answers({ behaviour: 'N15', partialImages: 2 });
    const events = eventsOf(await generate({ stream: true, partial_images: 2 }));
    expect(events.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    expect(events.map((event) => [event['partial_image_index'], 'usage' in event])).toEqual([
      [0, false],
      [1, false],
      [undefined, true],
    ]);
  });

  it.each([
    ['refused', [400, 'moderation_blocked', null]],
    ['failed', [502, 'image_generation_failed', null]],
    ['none', [502, 'image_generation_failed', null]],
  ] as const)('that is %s is an error, for the records too', async (kind, expected) => {
    anna.answers({ behaviour: 'N15', kind }).thenAnswers({ behaviour: 'N15', kind, partialImages: 1 });
    const whole = await generate({});
    expect(refusal(whole)).toEqual(expected);
    // Once a stage was shown there is one event left to say it.
    const streamed = await generate({ stream: true });
    const events = eventsOf(streamed);
    expect(events).toHaveLength(2);
    expect(events[1]).toMatchObject({ type: 'error', error: { code: expected[1] } });
    const told = { status: 'failed', errorCode: expected[1], usageStatus: 'usage_known' };
    expect(await rowOf(whole)).toMatchObject({ ...told, responseStatus: expected[0] });
    expect(await rowOf(streamed)).toMatchObject({ ...told, responseStatus: 200 });
  });

  it.each([
    [{ prompt: ' ' }, 'invalid_request', 'prompt'],
    [{ model: 'dall-e-3' }, 'invalid_model', 'model'],
    [{ n: 2 }, 'unsupported_parameter', 'n'],
    [{ size: '100x100' }, 'invalid_request', 'size'],
    [{ background: 'transparent' }, 'invalid_request', 'background'],
    [{ response_format: 'url' }, 'unsupported_parameter', 'response_format'],
    [{ input_fidelity: 'high' }, 'unsupported_parameter', 'input_fidelity'],
    [{ image: 'x' }, 'unsupported_parameter', 'image'],
    [{ partial_images: 4 }, 'invalid_request', 'partial_images'],
    [{ output_compression: 101 }, 'invalid_request', 'output_compression'],
  ])('with %j is refused before anybody is asked', async (fields, code, param) => {
    const before = posts();
    expect(refusal(await generate(fields))).toEqual([400, code, param]);
    expect(posts()).toBe(before);
  });

  it('is not drawn where the Pool or the key has none, and the body is not even read', async () => {
    const mayNot = await gateway.key({ name: 'may not draw', allowedModels: ['gpt-5.5'] });
    expect(refusal(await generate({}, { as: mayNot }))).toEqual([403, 'model_not_allowed', 'model']);
    await gateway.call(routing.change, { pool: 'default', changes: { imageGeneration: false } });
    try {
      for (const kind of ['generations', 'edits'])
        expect(refusal(await send(`/v1/images/${kind}`, '{broken'))).toEqual([403, 'image_generation_disabled', null]);
    } finally {
      await gateway.call(routing.change, { pool: 'default', changes: { imageGeneration: true } });
    }
  });

  it('is drawn over others, the mask last and explained', async () => {
    anna.answers({ behaviour: 'N15', partialImages: 1 });
    const data = form({
      prompt: 'blue',
      model: 'gpt-image-1',
      input_fidelity: 'high',
      n: '1',
      stream: 'true',
      mask: png,
    });
    data.append('image[]', png, 'one.png');
    data.append('image[]', png, 'two.png');
    const events = eventsOf(await send('/v1/images/edits', data));
    expect(events.map(({ type }) => type)).toEqual(['image_edit.partial_image', 'image_edit.completed']);
    const asked = arrivedAt('/backend-api/codex/responses').at(-1)?.json() as { input: { content: Loose[] }[] };
    const content = asked.input[0]?.content ?? [];
    expect(content.map(({ type }) => type)).toEqual(['input_text', 'input_image', 'input_image', 'input_image']);
    expect(content[0]?.['text']).toMatch(/^blue\n\n.*mask/);
    expect(content[1]?.['image_url']).toBe(`data:image/png;base64,${onePixelPng}`);
  });

  it.each([
    [{}, 400, 'missing_required_parameter', 'image'],
    [{ image: recording() }, 400, 'unsupported_input_image_format', 'image'],
    [{ image: png, mask: recording() }, 400, 'unsupported_input_image_format', 'mask'],
    [{ image: png, input_fidelity: 'high' }, 400, 'unsupported_parameter', 'input_fidelity'],
    [{ image: recording(50_000_000) }, 413, 'payload_too_large', 'image'],
  ])('to be changed that comes with %j is refused', async (fields, status, code, param) => {
    expect(refusal(await send('/v1/images/edits', form({ prompt: 'blue', ...fields })))).toEqual([status, code, param]);
  });
});
