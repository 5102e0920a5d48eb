/** OpenCode, unchanged, with the configuration that the README shows: it answers, and works with its tools. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../../server/lib/json-values.ts';
import type { Loose } from '../support/ask-public.ts';
import { startOpenCode, type Conversation, type OpenCode } from '../support/opencode.ts';
import { answers, png, schema, useClientScene } from './client-scene.ts';
import { clients } from './client-matrix.ts';
import { prove } from './prove.ts';
import { snippet } from './snippets.ts';

const scene = useClientScene();
let opencode: OpenCode;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codex-pooler-opencode-'));
  opencode = await startOpenCode({ folder, key: scene.key });
});
afterAll(async () => {
  await opencode?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A new conversation; each key has a project of its own, because the configuration names it. */
async function begin({ key, title = 'a test' }: { key?: string; title?: string | null } = {}): Promise<Conversation> {
  const project = join(folder, key ?? 'own-key');
  await mkdir(project, { recursive: true });
  const config = snippet('"$schema": "https://opencode.ai/config.json"', scene.bench.gateway);
  const withKey = key ? config.replace('{env:CODEX_POOLER_API_KEY}', key) : config;
  await writeFile(join(project, 'opencode.json'), withKey);
  return opencode.begin(project, title);
}

const say = (text: string) => ({ type: 'text', text });
const ask = async (text: string, key?: string) =>
  (await begin(key === undefined ? {} : { key })).ask({ parts: [say(text)] });
const textIn = (answer: Loose) =>
  (answer['parts'] as unknown as Loose[])
    .map((part) => (textOf(part['type']) === 'text' ? textOf(part['text']) : ''))
    .join('');
const bash = (command: string) => ({
  name: 'bash',
  arguments: JSON.stringify({ command, description: 'Says a word' }),
});
const lastInput = () => JSON.stringify(scene.asks().at(-1)?.['input']);

prove('opencode', {
  async streamed() {
    scene.anna.answers({ behaviour: 'N1', text: 'Hello from the Pool.', deltas: 4 });
    const conversation = await begin();
    const deltas = await conversation.deltas();
    const answered = conversation.ask({ parts: [say('say hello')] });
    let shown = '';
    let count = 0;
    for await (const delta of deltas) {
      shown += delta;
      count += 1;
      if (shown === 'Hello from the Pool.') break;
    }
    expect(count).toBeGreaterThan(1);
    expect(textIn(await answered)).toBe('Hello from the Pool.');
    expect(scene.bench.sandbox.violations).toEqual([]);
  },

  async toolLoop() {
    scene.anna.always({ behaviour: 'N4', ...bash('echo from-the-shell'), text: 'The command ran.' });
    expect(textIn(await ask('please run it'))).toBe('The command ran.');
    expect(lastInput()).toContain('from-the-shell\\n');
    expect(scene.asks()).toHaveLength(2);
  },

  async parallelTools() {
    const calls = [bash('echo one-$((1))'), bash('echo two-$((2))')];
    scene.anna.always({ behaviour: 'N5', kind: 'parallel', calls, text: 'Both ran.' });
    expect(textIn(await ask('please run them'))).toBe('Both ran.');
    expect(lastInput()).toContain('one-1\\n');
    expect(lastInput()).toContain('two-2\\n');
    expect(scene.asks()).toHaveLength(2);
  },

  // It asks for a shape by a tool of that shape.
  async structuredOutput() {
    scene.anna.answers({ behaviour: 'N4', name: 'StructuredOutput', arguments: '{"city":"Rome"}' });
    const conversation = await begin();
    const { info } = await conversation.ask({ parts: [say('where?')], format: { type: 'json_schema', schema } });
    expect(info?.['structured']).toEqual({ city: 'Rome' });
  },

  async imageInput() {
    const conversation = await begin();
    const image = { type: 'file', mime: 'image/png', filename: 'dot.png', url: png };
    await conversation.ask({ parts: [image, say('what is it?')] });
    expect(lastInput()).toContain(png);
  },

  async wrongKey() {
    const { info } = await ask('hi', 'sk-cxp-none');
    expect(info?.['error']).toMatchObject({ name: 'APIError', data: { statusCode: 401, isRetryable: false } });
    expect(await scene.bench.statuses()).toEqual([401]);
  },

  async modelNotAllowed() {
    const { info } = await ask('hi', await scene.narrowKey());
    expect(info?.['error']).toMatchObject({
      data: { statusCode: 403, message: expect.stringContaining('may not use this model') as string },
    });
    expect(await scene.bench.statuses()).toEqual([403]);
  },

  async limitWithWait() {
    scene.anna.answers(answers.wait).thenAnswers('at last');
    expect(textIn(await ask('hi'))).toBe('at last');
    expect(await scene.bench.statuses()).toEqual([429, 200]);
  },

  // It knows the error, has the conversation summed up, and goes on by itself.
  async contextTooLong() {
    scene.anna.answers(answers.contextTooLong).thenAnswers('A summary.').thenAnswers('On we go.');
    expect(textIn(await ask('hi'))).toBe('On we go.');
    expect(await scene.bench.statuses()).toEqual([400, 200, 200]);
    expect(lastInput()).toContain('A summary.');
  },

  // It asks again, and what came of the first answer is gone.
  async upstreamCut() {
    scene.anna.answers(answers.cut).thenAnswers('The whole answer.');
    expect(textIn(await ask('hi'))).toContain('The whole answer.');
    expect(scene.asks()).toHaveLength(2);
  },

  async abort() {
    scene.anna.answers(answers.slow);
    const left = scene.leaving();
    const conversation = await begin();
    const deltas = await conversation.deltas();
    const answered = conversation.ask({ parts: [say('tell me everything')] });
    await deltas.next();
    await conversation.abort();
    await left();
    expect((await answered)['info']?.['error']).toMatchObject({ name: 'MessageAbortedError' });
  },
});

describe(`${clients.opencode.name}, beside that,`, () => {
  it('asks for a title at the same time', async () => {
    scene.anna.always('Both get the same words.');
    const conversation = await begin({ title: null });
    expect(textIn(await conversation.ask({ parts: [say('say hello')] }))).toBe('Both get the same words.');
    expect(await scene.bench.settled(2)).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }]);
    const titled = scene.asks().filter((ask) => JSON.stringify(ask['input']).includes('Generate a title'));
    expect(titled).toHaveLength(1);
  });
});
