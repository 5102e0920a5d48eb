/** OpenCode, unchanged, against the server: it answers, and works with its tools. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { installOpenCode, runOpenCode } from '../support/opencode.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';

let bench: ClientBench;
let folder: string;
beforeAll(async () => {
  await installOpenCode();
  bench = await openClientBench({ codex: [] });
  folder = await mkdtemp(join(tmpdir(), 'codex-pooler-opencode-'));
});
afterAll(async () => {
  await bench?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => bench.fresh());

/** What a user writes into `opencode.json`; the provider keeps its id, or reasoning is lost. */
async function configure(key: string): Promise<void> {
  const models = { 'gpt-5.5': { reasoning: true, tool_call: true, limit: { context: 258_400, output: 64_000 } } };
  const options = { baseURL: `${bench.gateway.url}/v1`, apiKey: key };
  const config = {
    model: 'openai/gpt-5.5',
    small_model: 'openai/gpt-5.5',
    autoupdate: false,
    share: 'disabled',
    provider: { openai: { options, models } },
  };
  await writeFile(join(folder, 'opencode.json'), JSON.stringify(config));
}

it('answers, and runs a command it is asked to', async () => {
  const anna = await bench.link('anna', { percentPerAnswer: 0 });
  await configure(await bench.key({ name: 'opencode' }));
  anna.always({ behaviour: 'N1', text: 'Hello from the Pool.' });
  const run = await runOpenCode({ folder, args: ['run', 'say hello'] });
  expect(run.stdout).toContain('Hello from the Pool.');
  const command = { command: 'echo from-the-shell', description: 'Says something' };
  anna.always({ behaviour: 'N4', name: 'bash', arguments: JSON.stringify(command), text: 'The command ran.' });
  const worked = await runOpenCode({ folder, args: ['run', 'please run it'] });
  expect(worked.stdout).toContain('The command ran.');
  const asks = bench.sandbox.requests.filter(({ path }) => path.endsWith('/responses'));
  expect(JSON.stringify(asks.at(-1)?.json()['input'])).toContain('from-the-shell');
  expect(bench.sandbox.violations).toEqual([]);
});
