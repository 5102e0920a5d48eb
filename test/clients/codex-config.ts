/** The `config.toml` a user of the gateway writes, and variations of it. */

export interface CodexConfig {
  /** `gpt-5.5`, the one model in the full dialect, when absent. */
  readonly model?: string;
  /** Further top-level lines. */
  readonly settings?: readonly string[];
  /** Lines of the provider entry that replace `env_key` or add to it. */
  readonly provider?: readonly string[];
}

/**
 * Wiring 1 of wire spec A1.1. The provider's id stays the same for ever: Codex lists conversations by it. The rest keeps
 * the CLI from asking the internet for anything (wire spec A1.3) and lets it run the commands of the sandbox.
 */
export function codexConfig({
  url,
  model = 'gpt-5.5',
  settings = [],
  provider,
}: CodexConfig & { url: string }): string {
  return `${[
    `model = "${model}"`,
    'model_provider = "codex-pooler"',
    'check_for_update_on_startup = false',
    'approval_policy = "never"',
    'sandbox_mode = "danger-full-access"',
    ...settings,
    '[analytics]',
    'enabled = false',
    '[features]',
    'apps = false',
    'plugins = false',
    '[model_providers.codex-pooler]',
    'name = "OpenAI"',
    `base_url = "${url}/backend-api/codex"`,
    'wire_api = "responses"',
    ...(provider ?? ['env_key = "CODEX_POOLER_API_KEY"']),
  ].join('\n')}\n`;
}
