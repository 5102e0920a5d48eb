import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../contract/gateway-error.ts';
import { createIngress, type IngressOptions } from './ingress.ts';

describe('the Host header', () => {
  it.each(['localhost', 'localhost:4000', 'LocalHost:4000', '127.0.0.1', '127.0.0.1:65535', '[::1]', '[::1]:4000'])(
    'may be %s everywhere',
    (host) => {
      expect(refusal({ host })).toBeNull();
    },
  );

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:4000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil-localhost',
    'localhost:4000:5',
    'localhost:port',
    'localhost:123456',
    'user@localhost',
    'localhost/',
    'localhost evil.example',
    'localhost,evil.example',
    '::1',
    '[::1',
    '0.0.0.0:4000',
    '192.168.1.20:4000',
    '127.0.0.2',
    '2130706433',
    '0x7f000001',
  ])('may not be %s when bound to this machine', (host) => {
    expect(refusal({ host })).toBe('host_not_allowed');
  });

  it('may be the configured public host, in any case and with any port', () => {
    const options = { publicHost: 'Pooler.Example' };
    expect(refusal({ host: 'pooler.example' }, options)).toBeNull();
    expect(refusal({ host: 'POOLER.example:443' }, options)).toBeNull();
    expect(refusal({ host: 'sub.pooler.example' }, options)).toBe('host_not_allowed');
    expect(refusal({ host: 'pooler.example.evil' }, options)).toBe('host_not_allowed');
  });

  it('may end in the dot of a whole name, wherever that was written', () => {
    for (const host of ['localhost.', 'LOCALHOST.:4000', '127.0.0.1.']) expect(refusal({ host }), host).toBeNull();
    for (const host of ['localhost..', '.localhost', '.', '[::1].']) expect(refusal({ host }), host).not.toBeNull();
    expect(refusal({ host: 'pooler.example' }, { publicHost: 'pooler.example.' })).toBeNull();
    expect(refusal({ host: 'pooler.example.' }, { publicHost: 'pooler.example' })).toBeNull();
  });

  it('may be an IPv6 address however it is written', () => {
    for (const host of ['[0:0:0:0:0:0:0:1]', '[::0001]:4000']) expect(refusal({ host }), host).toBeNull();
    expect(refusal({ host: '[fd00::a]' }, { bindAddress: 'FD00:0:0::000A' })).toBeNull();
    expect(refusal({ host: '[FD00::A]:443' }, { publicHost: 'fd00::a' })).toBeNull();
    expect(refusal({ host: '[fd00::b]' }, { publicHost: 'fd00::a' })).toBe('host_not_allowed');
    expect(refusal({ host: '[fd00::a]' }, { bindAddress: '::0' })).toBeNull();
    expect(refusal({ host: '[:::]' }, { bindAddress: '::' })).toBe('host_not_allowed');
  });

  it('may be the address it is bound to', () => {
    expect(refusal({ host: '192.168.1.20:4000' }, { bindAddress: '192.168.1.20' })).toBeNull();
    expect(refusal({ host: '192.168.1.21:4000' }, { bindAddress: '192.168.1.20' })).toBe('host_not_allowed');
    expect(refusal({ host: '[fd00::A]:4000' }, { bindAddress: 'fd00::a' })).toBeNull();
  });

  it.each(['0.0.0.0', '::'])('may be any address, but no name, when bound to %s', (bindAddress) => {
    for (const host of ['192.168.1.20:4000', '[fd00::a]', '10.0.0.1'])
      expect(refusal({ host }, { bindAddress }), host).toBeNull();
    for (const host of ['evil.example', 'evil.example:4000', '999.1.1.1'])
      expect(refusal({ host }, { bindAddress }), host).toBe('host_not_allowed');
  });

  it('may be no other name, whatever it is', () => {
    const name = fc.oneof(fc.domain(), fc.string(), fc.webAuthority());
    fc.assert(
      fc.property(name, (host) => {
        fc.pre(!/^localhost(?::\d{1,5})?$/i.test(host));
        expect(refusal({ host })).toBe('host_not_allowed');
      }),
    );
  });
});

describe('the Origin header', () => {
  it.each([
    ['localhost:4000', 'http://localhost:4000'],
    ['127.0.0.1', 'http://127.0.0.1'],
    ['localhost', 'https://localhost'],
    ['[::1]:4000', 'http://[::1]:4000'],
    ['LOCALHOST:80', 'http://localhost'],
  ])('may be the one that the Host header %s names: %s', (host, origin) => {
    expect(refusal({ host, origin })).toBeNull();
  });

  it.each(['http://localhost:3000', 'http://127.0.0.1:4000', 'http://localhost'])(
    'may not be another program on this machine: %s',
    (origin) => {
      expect(refusal({ host: 'localhost:4000', origin })).toBe('origin_not_allowed');
    },
  );

  it.each([
    '',
    'null',
    'https://evil.example',
    'http://localhost.evil.example',
    'http://localhost@evil.example',
    'chrome-extension://abcdefghijklmnop',
    'moz-extension://abc',
    'file://',
    'app://obsidian.md',
    'javascript:alert(1)',
    'localhost',
    'http://',
  ])('may not be "%s"', (origin) => {
    expect(refusal({ origin })).toBe('origin_not_allowed');
  });

  it('may be the public host', () => {
    expect(refusal({ origin: 'https://pooler.example' }, { publicHost: 'pooler.example' })).toBeNull();
    expect(refusal({ origin: 'https://pooler.example' }, { publicHost: 'pooler.example.' })).toBeNull();
  });

  it.each(['localhost', '127.0.0.1', '::1'])('may be no other program where the public host is %s', (publicHost) => {
    const name = publicHost.includes(':') ? `[${publicHost}]` : publicHost;
    const host = `${name}:4000`;
    expect(refusal({ host, origin: `http://${name}:4000` }, { publicHost })).toBeNull();
    expect(refusal({ host, origin: `http://${name}:3000` }, { publicHost })).toBe('origin_not_allowed');
  });
});

describe('the path', () => {
  it.each([
    '/backend-api/codex%2fresponses',
    '/backend-api/codex%2Fresponses',
    '/backend-api%5cresponses',
    '/backend-api%5Cresponses',
    '/responses%00',
    '/back\\slash',
    '/a%2f?q=1',
  ])('may not be %s', (url) => {
    expect(refusal({ url })).toBe('invalid_path');
  });

  it.each(['/', '/backend-api/codex/responses', '/models?client_version=0.169.0&x=%2F%5C%00', '/%20space'])(
    'may be %s',
    (url) => {
      expect(refusal({ url })).toBeNull();
    },
  );
});

it('the host is judged before anything else', () => {
  expect(refusal({ host: 'evil.example', origin: 'null', url: '/%2f' })).toBe('host_not_allowed');
});

function refusal(
  request: { host?: string | undefined; origin?: string; url?: string },
  options: Partial<IngressOptions> = {},
): string | null {
  const ingress = createIngress({ bindAddress: '127.0.0.1', publicHost: null, ...options });
  try {
    ingress.check({
      host: 'host' in request ? request.host : 'localhost',
      origin: request.origin,
      url: request.url ?? '/',
    });
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
}
