/** Continue, unchanged, with the configuration that the README shows: it answers, and works with its tools. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Agent, AgentRun } from '../support/agents.ts';
import { breakableLink } from '../support/breakable-link.ts';
import { startContinue } from '../support/continue.ts';
import { answers, useClientScene } from './client-scene.ts';
import { prove } from './prove.ts';
import { snippet } from './snippets.ts';

const scene = useClientScene();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codex-pooler-continue-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(prompt: string, { key = scene.key, url = scene.bench.gateway.url } = {}): Promise<Agent> {
  const config = snippet('schema: v1', { url });
  return startContinue({ folder, config, key, prompt });
}
const run = async (prompt: string, key?: string) => (await start(prompt, key ? { key } : {})).finished;
function expectFailure({ exitCode, stderr }: AgentRun, words: string): void {
  expect(exitCode).toBe(1);
  expect(stderr).toContain(words);
}
const bash = (command: string) => ({ name: 'Bash', arguments: JSON.stringify({ command }) });
const lastInput = () => JSON.stringify(scene.asks().at(-1)?.['input']);

prove('continue', {
  async streamed() {
    scene.anna.answers('Hello from the Pool.');
    expect(await run('say hello')).toMatchObject({ exitCode: 0, stdout: 'Hello from the Pool.\n' });
    expect(scene.asks()).toHaveLength(1);
    expect(scene.bench.sandbox.violations).toEqual([]);
  },

  async toolLoop() {
    scene.anna.always({ behaviour: 'N4', ...bash('echo from-the-shell'), text: 'The command ran.' });
    expect((await run('please run it')).stdout).toContain('The command ran.');
    expect(lastInput()).toContain('from-the-shell\\n');
    expect(scene.asks()).toHaveLength(2);
  },

  async parallelTools() {
    const calls = [bash('echo one-$((1))'), bash('echo two-$((2))')];
    scene.anna.always({ behaviour: 'N5', kind: 'parallel', calls, text: 'Both ran.' });
    expect((await run('please run them')).stdout).toContain('Both ran.');
    expect(lastInput()).toContain('one-1\\n');
    expect(lastInput()).toContain('two-2\\n');
    expect(scene.asks()).toHaveLength(2);
  },

  async wrongKey() {
    expectFailure(await run('hi', 'sk-cxp-none'), '401 No valid Pool API key');
    expect(await scene.bench.statuses()).toEqual([401]);
  },

  async modelNotAllowed() {
    expectFailure(await run('hi', await scene.narrowKey()), 'may not use this model');
    expect(await scene.bench.statuses()).toEqual([403]);
  },

  async limitWithWait() {
    scene.anna.answers(answers.wait).thenAnswers('at last');
    expect(await run('hi')).toMatchObject({ exitCode: 0, stdout: 'at last\n' });
    expect(await scene.bench.statuses()).toEqual([429, 200]);
  },

  async contextTooLong() {
    scene.anna.answers(answers.contextTooLong);
    expectFailure(await run('hi'), 'Context length exceeded');
    expect(await scene.bench.statuses()).toEqual([400]);
  },

  // It says what it has, asks again by itself, and says the whole answer.
  async upstreamCut() {
    scene.anna.answers(answers.cut).thenAnswers('The whole answer.');
    expect((await run('hi')).stdout).toContain('The whole answer.');
    expect(scene.asks()).toHaveLength(2);
  },

  // It shows an answer once it is whole, so the line to the gateway tells when one has begun.
  async abort() {
    scene.anna.answers(answers.slow);
    const left = scene.leaving();
    const asked = scene.bench.sandbox.nextRequest({ account: 'anna', method: 'POST' });
    const link = await breakableLink(scene.bench.gateway.url);
    const agent = await start('tell me everything', { url: new URL(link.url).origin });
    await asked;
    await link.stall();
    agent.kill('SIGINT');
    await agent.finished;
    link.resume();
    await left();
    await link.stop();
  },
});
