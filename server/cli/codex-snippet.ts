/** How a Codex client is pointed at this gateway (wire spec A1.1, wiring 1). */

/** The provider's id in config.toml; built-in ids cannot be used (wire spec A1.2). */
const providerId = 'codex-pooler';
/** The variable Codex takes the key from. */
export const keyVariable = 'CODEX_POOLER_API_KEY';

/**
 * Lines for config.toml. `name` must be spelt so: it switches on what Codex does for its own provider, such as remote
 * compaction (wire spec A1.3).
 *
 * @param url where the gateway answers, without trailing slash.
 */
export function codexConfig(url: string): string {
  return [
    `model_provider = "${providerId}"`,
    '',
    `[model_providers.${providerId}]`,
    'name = "OpenAI"',
    `base_url = "${url}/backend-api/codex"`,
    'wire_api = "responses"',
    `env_key = "${keyVariable}"`,
    '',
  ].join('\n');
}

/** The line that gives the key to Codex in a shell of this platform. */
export function exportLine(secret: string, platform: NodeJS.Platform): string {
  return platform === 'win32' ? `$env:${keyVariable} = "${secret}"` : `export ${keyVariable}=${secret}`;
}

/** Every line that says something moves in by two. */
export function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
