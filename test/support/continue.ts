/** The Continue CLI for tests, without a terminal (`cn -p`): one question a run. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgent, type Agent } from './agents.ts';
import { installClient } from './node-clients.ts';

/**
 * @param ask.folder - Where it works; its home is made below.
 * @param ask.config - Its `config.yaml`.
 * @throws Error that says in plain words why it cannot be had.
 */
export async function startContinue(ask: {
  readonly folder: string;
  readonly config: string;
  readonly key: string;
  readonly prompt: string;
}): Promise<Agent> {
  const script = join(await installClient('continue'), 'node_modules', '@continuedev', 'cli', 'dist', 'cn.js');
  const home = join(ask.folder, 'home');
  await mkdir(join(home, '.continue'), { recursive: true });
  const config = join(home, '.continue', 'config.yaml');
  await writeFile(config, ask.config);
  return startAgent({
    command: [process.execPath, script, '-p', '--auto', '--config', config, ask.prompt],
    home,
    workFolder: ask.folder,
    env: { CODEX_POOLER_API_KEY: ask.key },
  });
}
