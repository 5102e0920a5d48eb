import { describe, expect, it } from 'vitest';
import { readClientName } from './client-name.ts';

describe('the name of a client', () => {
  it.each([
    ['codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)', 'codex_exec/0.169.0'],
    ['codex-tui/0.142.1', 'codex-tui/0.142.1'],
    ['OpenAI/Python 1.0', null],
    ['curl/8.5.0', 'curl/8.5.0'],
    ['please summarise my letter', null],
    ['x'.repeat(60) + '/1', null],
    ['', null],
    [undefined, null],
  ])('of %s is %s', (userAgent, name) => {
    expect(readClientName(userAgent)).toBe(name);
  });
});
