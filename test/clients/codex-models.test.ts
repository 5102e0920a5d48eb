import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { catalogModels, modelFrom } from '../../server/sandbox/catalog.ts';
import { newestCodex, oldestCodex } from '../support/codex-cli.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { lastMessageOf } from './codex-output.ts';
import type { CodexHome } from './codex-runner.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench();
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

/** Models of two accounts with different plans: some shared, some not, one written in an odd way. */
const annas = ['gpt-5.5', 'gpt-6-luna', 'sandbox-of-anna'];
const bens = ['gpt-6.1-sol', 'gpt-5.5', 'gpt-6-astra', 'sandbox-of-ben'];
const union = [...new Set([...annas, ...bens])];

/**
 * A provider whose key comes from a command: the one wiring with a Pool key in which the CLI asks for the model list
 * (wire spec A1.3).
 */
const keyFromCommand = [
  '[model_providers.codex-pooler.auth]',
  'command = "printenv"',
  'args = ["CODEX_POOLER_API_KEY"]',
];

async function modelsKeptBy({ path }: CodexHome): Promise<{ slugs: string[]; etag: string | null }> {
  const kept = JSON.parse(await readFile(join(path, 'models_cache.json'), 'utf8')) as {
    etag: string | null;
    models: { slug: string }[];
  };
  return { slugs: kept.models.map(({ slug }) => slug), etag: kept.etag };
}

describe('the models of a Pool with two plans', () => {
  it('are served entry by entry with the bytes the provider wrote', async () => {
    await bench.link('anna', { models: annas });
    await bench.link('ben', { plan: 'pro', models: bens });
    const response = await fetch(`${bench.gateway.url}/backend-api/codex/models?client_version=${newestCodex}`, {
      headers: { authorization: `Bearer ${await bench.key()}` },
    });
    const entries = union.map((slug) => (catalogModels.find((model) => model.slug === slug) ?? modelFrom(slug)).entry);
    expect(await response.text()).toBe(`{"models":[${entries.join(',')}]}`);
  });

  it.each([newestCodex, oldestCodex])('are all decoded and kept by Codex %s', async (version) => {
    await bench.link('anna', { models: annas });
    await bench.link('ben', { plan: 'pro', models: bens });
    const home = await bench.home();
    const ask = { version, key: await bench.key(), home, provider: keyFromCommand };
    const run = await bench.codex({ ...ask, args: ['exec', '--skip-git-repo-check', '--json', 'say hello'] });
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    const { slugs, etag } = await modelsKeptBy(home);
    expect(slugs.toSorted()).toEqual(union.toSorted());
    expect(etag).toMatch(/^W\/".+"$/);
  });

  it.each([newestCodex, oldestCodex])(
    'can be chosen in Codex %s, each served by an account that has it',
    async (version) => {
      await bench.link('anna', { models: annas });
      await bench.link('ben', { plan: 'pro', models: bens });
      const ask = { version, key: await bench.key(), provider: keyFromCommand };
      for (const [model, account] of [
        ['sandbox-of-anna', 'anna'],
        ['sandbox-of-ben', 'ben'],
      ] as const) {
        const run = await bench.codex({
          ...ask,
          model,
          args: ['exec', '--skip-git-repo-check', '--json', 'say hello'],
        });
        expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
        expect(bench.sandbox.requests.at(-1)).toMatchObject({ account, path: '/backend-api/codex/responses' });
      }
    },
  );

  it('leave out what the key may not use', async () => {
    await bench.link('anna', { models: annas });
    const home = await bench.home();
    const key = await bench.key({ allowedModels: ['gpt-5.5', 'sandbox-of-anna'] });
    await bench.codex({ key, home, provider: keyFromCommand, args: ['exec', '--skip-git-repo-check', '--json', 'hi'] });
    expect((await modelsKeptBy(home)).slugs.toSorted()).toEqual(['gpt-5.5', 'sandbox-of-anna']);
  });

  it.each([newestCodex, oldestCodex])(
    'have the aliases of the key among them, which Codex %s asks for as it asks for their models',
    async (version) => {
      await bench.link('anna', { models: annas });
      const home = await bench.home();
      const key = await bench.key({
        policy: { modelAliases: { quick: 'gpt-6-luna' }, effort: { rule: 'at_most', level: 'medium' } },
      });
      const ask = { version, key, home, provider: keyFromCommand };
      const args = ['exec', '--skip-git-repo-check', '--json', 'say hello'];
      // The list is read by the first run and kept for the next.
      await bench.codex({ ...ask, args });
      expect((await modelsKeptBy(home)).slugs.toSorted()).toEqual([...annas, 'quick'].toSorted());
      expect(lastMessageOf(await bench.codex({ ...ask, model: 'quick', args }))).toBe('Hello from the sandbox.');
      const asked = JSON.parse(bench.sandbox.requests.at(-1)?.body.toString() ?? '{}') as {
        model: string;
        tools?: unknown;
      };
      expect(asked.model).toBe('gpt-6-luna');
      // The model is a lite one: its tools stand in the input (wire spec A4.3), where the entry of the alias says so.
      if (version === newestCodex) expect(asked.tools).toBeUndefined();
    },
  );
});
