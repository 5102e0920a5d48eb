/** The `config.toml` a user of the gateway writes, and variations of it. */

import { snippet } from './snippets.ts';

export interface CodexConfig {
  /** `gpt-5.5`, the one model in the full dialect, when absent. */
  readonly model?: string;
  /** Further top-level lines. */
  readonly settings?: readonly string[];
  /** Lines of the provider entry instead of `env_key`. */
  readonly provider?: readonly string[];
  /** Where it asks instead of Codex's own path. */
  readonly basePath?: string;
}

const entryTitle = '[model_providers.codex-pooler]';
const ownPath = '/backend-api/codex';
const usualKey = 'env_key = "CODEX_POOLER_API_KEY"';

/**
 * What the README shows: wiring 1 of wire spec A1.1. The rest keeps the CLI from asking the internet for anything (wire
 * spec A1.3) and lets it run the commands of the sandbox.
 */
export function codexConfig({
  url,
  model = 'gpt-5.5',
  settings = [],
  provider,
  basePath = ownPath,
}: CodexConfig & { url: string }): string {
  const shown = snippet('wire_api = "responses"', { url }).replace(`${url}${ownPath}`, url + basePath);
  const [top = '', entry = ''] = shown.split(`${entryTitle}\n`);
  return `${[
    top,
    `model = "${model}"`,
    'check_for_update_on_startup = false',
    'approval_policy = "never"',
    'sandbox_mode = "danger-full-access"',
    ...settings,
    '[analytics]',
    'enabled = false',
    '[features]',
    'apps = false',
    'plugins = false',
    entryTitle,
    provider ? entry.replace(usualKey, provider.join('\n')) : entry,
  ].join('\n')}\n`;
}
