import { describe, expect, it } from 'vitest';
import { readClientName } from './client-name.ts';

describe('the name of a client', () => {
  it.each([
    ['codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)', 'codex_exec/0.169.0'],
    ['codex-tui/0.142.1', 'codex-tui/0.142.1'],
    ['codex_cli_rs/0.170.0-alpha.2 (Mac OS 15; arm64)', 'codex_cli_rs/0.170.0'],
    ['Codex Desktop/1.2 (Windows)', 'Codex Desktop/1.2'],
    ['OpenAI/JS 6.45.0', 'OpenAI/JS/6.45.0'],
    ['OpenAI/Python 1.0', 'OpenAI/Python/1.0'],
    ['ai/6.0.1 ai-sdk/provider-utils/4.0.0 runtime/node.js/24', 'ai/6.0.1'],
    ['ai-sdk/openai-compatible/2.0.3', 'ai-sdk/openai-compatible/2.0.3'],
    ['opencode/latest/1.18.2/cli', 'opencode/1.18.2'],
    ['CURL/8.5.0', 'curl/8.5.0'],
    ['node', 'node'],
  ])('of %s is %s', (userAgent, name) => {
    expect(readClientName(userAgent)).toBe(name);
  });

  it.each([
    'please summarise my letter',
    'letter/1.0',
    'curl/letter',
    'curler/8.0',
    'node.letter',
    'x'.repeat(60) + '/1',
    '',
    undefined,
  ])('is nobody’s whom the table does not know, because it could be anything: %s', (userAgent) => {
    expect(readClientName(userAgent)).toBeNull();
  });
});
