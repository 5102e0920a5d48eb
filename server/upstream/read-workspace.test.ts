import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWorkspace } from './read-workspace.ts';

const us = { chatgptAccountId: 'acc-1', upstreamUrl: 'https://chatgpt.com' };
const document = (origin: unknown, override: unknown = 'NO_CONSTRAINT', id = 'acc-1') => ({
  accounts: [{ id: 'other' }, { id, workspace_backend_origin: origin, account_routing_override: override }],
});

describe('where a workspace wants its inference', () => {
  it('is the default without constraints', () => {
    expect(readWorkspace(document('NO_CONSTRAINT'), us)).toEqual({ backendOrigin: null, routingOverride: null });
    expect(readWorkspace(document('https://chatgpt.com'), us)?.backendOrigin).toBeNull();
  });

  it.each([['https://gov.chatgpt.com'], ['https://eu.api.openai.com'], ['https://gov.chatgpt.com/']])(
    'is an origin of the provider: %s',
    (origin) => {
      expect(readWorkspace(document(origin, 'us_cr'), us)).toEqual({
        backendOrigin: origin.replace(/\/$/, ''),
        routingOverride: 'us_cr',
      });
    },
  );

  it.each([
    ['https://evil.example'],
    ['https://chatgpt.com.evil.example'],
    ['https://evilchatgpt.com'],
    ['http://gov.chatgpt.com'],
    ['https://user:secret@gov.chatgpt.com'],
    ['https://gov.chatgpt.com:8443'],
    ['https://gov.chatgpt.com/path'],
    ['https://gov.chatgpt.com?x=1'],
    ['http://127.0.0.1:9'],
    ['javascript:alert(1)'],
    ['not a url'],
    [42],
  ])('is never %s, where a token must not go', (origin) => {
    expect(readWorkspace(document(origin), us)?.backendOrigin).toBeNull();
  });

  it('may be another port of the configured host when that is on this machine', () => {
    const local = { ...us, upstreamUrl: 'http://127.0.0.1:4100' };
    expect(readWorkspace(document('http://127.0.0.1:4200'), local)?.backendOrigin).toBe('http://127.0.0.1:4200');
    expect(
      readWorkspace(document('http://gateway.lan'), { ...us, upstreamUrl: 'http://gateway.lan:1' })?.backendOrigin,
    ).toBeNull();
  });

  it.each([['US'], ['us\r\nx: y'], [''], [null]])('leaves out an override that is no word: %j', (override) => {
    expect(readWorkspace(document('NO_CONSTRAINT', override), us)?.routingOverride).toBeNull();
  });

  it('is unknown when the account is missing or listed twice', () => {
    expect(readWorkspace(document('NO_CONSTRAINT', null, 'acc-2'), us)).toBeNull();
    expect(readWorkspace({ accounts: [{ id: 'acc-1' }, { id: 'acc-1' }] }, us)).toBeNull();
  });

  it('never throws, and never trusts a host outside the provider', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.oneof(fc.webUrl(), fc.string()), (junk, origin) => {
        readWorkspace(junk, us);
        const found = readWorkspace(document(origin), us)?.backendOrigin;
        if (found) expect(new URL(found).hostname).toMatch(/(?:^|\.)(?:chatgpt|openai)\.com$/);
      }),
    );
  });
});
