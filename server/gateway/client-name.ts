/** Which program is calling, for records only: never a reason to behave differently. */

/**
 * THE table of programs that are recognised, as they spell themselves at the start of a user agent. Whatever else stands
 * there could be somebody's text, and is not kept.
 */
const programs = [
  // Codex, in its forms
  'codex_exec',
  'codex-tui',
  'codex_cli_rs',
  'codex_vscode',
  'codex_sdk_ts',
  'Codex Desktop',
  // Agents and editors
  'opencode',
  'Cline',
  'Continue',
  'Cursor',
  'Kilo-Code',
  'Roo-Code',
  'OpenHands',
  'goose',
  'aider',
  'Zed',
  // Libraries
  'OpenAI/JS',
  'OpenAI/Python',
  'AsyncOpenAI/Python',
  'OpenAI/Go',
  'OpenAI/Java',
  'OpenAI/Ruby',
  'ai',
  'ai-sdk/openai',
  'ai-sdk/openai-compatible',
  'langchainjs-openai',
  'litellm',
  // Whatever speaks HTTP
  'curl',
  'Wget',
  'HTTPie',
  'PostmanRuntime',
  'insomnia',
  'node',
  'undici',
  'axios',
  'Bun',
  'Deno',
  'python-httpx',
  'python-requests',
  'aiohttp',
  'Go-http-client',
  'okhttp',
  'reqwest',
] as const;

const canonical: ReadonlyMap<string, string> = new Map(programs.map((name) => [name.toLowerCase(), name]));
/** Longer names first: one may begin with another. */
const names = programs.toSorted((left, right) => right.length - left.length).join('|');
/** A version follows, for some behind the word of a channel; or the name stands alone. */
const known = new RegExp(
  String.raw`^(${names})(?:[/ ](?:[a-z]{1,12}/)?v?(\d{1,6}(?:\.\d{1,6}){0,3})|(?=$|[ (;,]))`,
  'i',
);

/** @example readClientName('codex_exec/0.169.0 (Debian 12; x86_64)') // 'codex_exec/0.169.0' */
export function readClientName(userAgent: string | undefined): string | null {
  const [, written = '', version] = known.exec(userAgent ?? '') ?? [];
  const name = canonical.get(written.toLowerCase());
  if (name === undefined) return null;
  return version === undefined ? name : `${name}/${version}`;
}
