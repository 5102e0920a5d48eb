import { afterAll, beforeAll, beforeEach, it } from 'vitest';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
let bench: ClientBench;
beforeAll(async () => { bench = await openClientBench(); });
afterAll(() => bench.stop());
beforeEach(() => bench.fresh());
const say = ['exec', '--skip-git-repo-check', 'say hello'];
async function show(name: string, run: { exitCode: number|null; stdout: string; stderr: string }) {
  process.stdout.write(`\n##### ${name} exit ${run.exitCode}\n--stdout\n${run.stdout}--stderr\n${run.stderr.slice(-1800)}\n--statuses ${JSON.stringify(await bench.statuses())} viol ${JSON.stringify(bench.sandbox.violations)}\n`);
}
it('exhausted', async () => {
  const a = await bench.link('anna'); a.fails(429, { resetsInSeconds: 7200 });
  const key = await bench.key();
  await show('exhausted', await bench.codex({ key, args: say }));
  await show('exhausted 125', await bench.codex({ key, version: '0.125.0', args: say }));
});
it('revoked', async () => {
  await bench.link('anna');
  const key = await bench.key({ name: 'gone' });
  await bench.gateway.call(apiKeys.revoke, { key: 'gone' });
  await show('revoked', await bench.codex({ key, args: say }));
});
it('model', async () => {
  await bench.link('anna');
  const key = await bench.key({ allowedModels: ['gpt-6.1-sol'] });
  await show('model', await bench.codex({ key, args: say }));
  await show('model lite tool', await bench.codex({ key, model: 'gpt-6.1-sol', args: ['exec', '--skip-git-repo-check', 'use-a-tool please'] }));
  await bench.change('gateway.max_body_bytes', 2048);
  await show('big', await bench.codex({ key, args: say }));
});
it('ws', async () => {
  await bench.link('anna');
  const key = await bench.key();
  await show('ws', await bench.codex({ key, args: say, provider: ['env_key = "CODEX_POOLER_API_KEY"', 'supports_websockets = true'] }));
  process.stdout.write(JSON.stringify(bench.gateway.log.slice(-6)));
});
it('models', async () => {
  await bench.link('anna', { models: ['gpt-5.5', 'only-anna'] });
  await bench.link('ben', { plan: 'pro', models: ['gpt-6.1-sol', 'gpt-6-luna', 'only-ben'] });
  const key = await bench.key();
  for (const version of ['0.169.0', '0.125.0']) {
    const home = await bench.home();
    const provider = ['[model_providers.codex-pooler.auth]', 'command = "printenv"', 'args = ["CODEX_POOLER_API_KEY"]'];
    await show('models ' + version, await bench.codex({ key, version, home, args: say, provider }));
    process.stdout.write(String(await readdir(home.path)));
    const cache = await readFile(join(home.path, 'models_cache.json'), 'utf8').catch((e) => String(e));
    process.stdout.write('\n' + cache.slice(0, 200) + '\n' + (cache.match(/"slug": ?"[^"]*"/g) ?? []).join());
    process.stdout.write(JSON.stringify(bench.gateway.log.slice(-8)));
    await show('debug models ' + version, await bench.codex({ key, version, home, args: ['debug', 'models'], provider }));
  }
});
it('autocompact', async () => {
  const a = await bench.link('anna', { usage: { inputTokens: 5000, cachedTokens: 0, outputTokens: 10 } });
  const key = await bench.key();
  for (const version of ['0.169.0', '0.125.0']) {
    const home = await bench.home();
    const settings = ['model_auto_compact_token_limit = 1000'];
    await show('compact ' + version, await bench.codex({ key, version, home, settings, args: ['exec', '--json', '--skip-git-repo-check', 'say hello'] }));
    await show('compact resume ' + version, await bench.codex({ key, version, home, settings, args: ['exec', 'resume', '--last', '--json', '--skip-git-repo-check', 'go on'] }));
    for (const r of bench.sandbox.requests) if (r.method === 'POST') process.stdout.write(`\n${r.path} ${JSON.stringify((r.json()['input'] as {type:string}[] | undefined)?.map((i) => i.type))}`);
  }
  void a;
});
it('overloaded', async () => {
  const a = await bench.link('anna');
  const key = await bench.key();
  a.fails(503, { kind: 'server_is_overloaded' } as never).thenFails(503, { kind: 'server_is_overloaded' } as never);
  await show('upstream overloaded', await bench.codex({ key, args: say }));
});
