/** The set-ups that the documents show, so that tests run what people copy. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installClient } from '../support/node-clients.ts';
import type { Client } from './client-matrix.ts';

const pages = ['README.md', 'docs/clients.md'].map((page) => new URL(`../../${page}`, import.meta.url));
const shownAddress = 'http://localhost:4000';

/**
 * The one block that holds the words, asking a gateway at this address.
 *
 * @throws Error when no block of the documents holds them, or several do.
 */
export function snippet(words: string, { url }: { url: string }): string {
  const found = pages
    .flatMap((page) => [...readFileSync(page, 'utf8').matchAll(/^```\w+\n([\s\S]*?)^```$/gm)])
    .flatMap(([, block = '']) => (block.includes(words) ? [block] : []));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new Error(`${found.length} blocks of the documents hold "${words}".`);
  return only.replaceAll(shownAddress, url);
}

const run = promisify(execFile);

/**
 * Runs a block as a script of an application that has the client installed.
 *
 * @returns what it printed.
 * @throws Error with what it printed when it fails.
 */
export async function runSnippet(script: string, { client, key }: { client: Client; key: string }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'codex-pooler-snippet-'));
  try {
    await symlink(join(await installClient(client), 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'main.mjs'), script);
    const env = { PATH: process.env['PATH'], CODEX_POOLER_API_KEY: key };
    return (await run(process.execPath, ['main.mjs'], { cwd: folder, env, timeout: 60_000 })).stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
