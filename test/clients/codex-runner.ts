/** Runs the Codex CLI as the user of a gateway: each home is a person's own, with the `config.toml` that names it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newestCodex, startCodex, type CodexRun, type RunningCodex } from '../support/codex-cli.ts';
import { codexConfig, type CodexConfig } from './codex-config.ts';

export interface CodexAsk extends CodexConfig {
  /** Arguments after `codex`. */
  readonly args: readonly string[];
  /** The Pool key it presents. */
  readonly key: string;
  /** The newest when absent. */
  readonly version?: string;
  /** Where it finds the gateway, when that is not its own address. */
  readonly url?: string;
  /** To go on where an earlier run ended; a new one when absent. */
  readonly home?: CodexHome;
}

export interface CodexHome {
  /** `$CODEX_HOME`. */
  readonly path: string;
  /** Where commands run. */
  readonly workFolder: string;
}

export interface CodexRunner {
  home(): Promise<CodexHome>;
  codex(ask: CodexAsk): Promise<CodexRun>;
  startCodex(ask: CodexAsk): Promise<RunningCodex>;
}

/**
 * @param options.folder where homes are made
 * @param options.url of the gateway at the time of each run
 */
export function createCodexRunner({ folder, url }: { folder: string; url: () => string }): CodexRunner {
  let homes = 0;
  const runner: CodexRunner = {
    async home() {
      const path = join(folder, `home-${(homes += 1)}`);
      const workFolder = join(path, 'work');
      await mkdir(workFolder, { recursive: true });
      return { path, workFolder };
    },
    codex: async (ask) => (await runner.startCodex(ask)).finished,
    async startCodex(ask) {
      const { args, key, version = newestCodex, home = await runner.home() } = ask;
      await writeFile(join(home.path, 'config.toml'), codexConfig({ ...ask, url: ask.url ?? url() }));
      return startCodex({
        version,
        args,
        codexHome: home.path,
        cwd: home.workFolder,
        env: { CODEX_POOLER_API_KEY: key },
      });
    },
  };
  return runner;
}
