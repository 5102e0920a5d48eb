import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../contract/gateway-error.ts';
import { hostNameOf, readTarget } from './request-target.ts';

const named = ['Host', 'localhost:4000'];

function reading(request: { url?: string; rawHeaders?: string[]; httpVersion?: string }): unknown {
  try {
    return readTarget({ url: '/', rawHeaders: named, httpVersion: '1.1', ...request });
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
}

describe('the host of a request', () => {
  it('is what its one line says, in whatever case the line is named', () => {
    for (const name of ['host', 'Host', 'HOST'])
      expect(reading({ rawHeaders: ['accept', 'host', name, 'localhost'] })).toEqual({ host: 'localhost', url: '/' });
  });

  it('may be missing in HTTP/1.0 alone', () => {
    expect(reading({ rawHeaders: [], httpVersion: '1.0' })).toEqual({ host: undefined, url: '/' });
    expect(reading({ rawHeaders: [] })).toBe('invalid_host');
  });

  it('is never guessed, however many lines name it and wherever they stand', () => {
    const line = fc.tuple(
      fc.constantFrom('host', 'Host', 'accept', 'x-host'),
      fc.constantFrom('localhost', 'evil', 'host'),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const hosts = lines.filter(([name]) => name.toLowerCase() === 'host');
        const told = reading({ rawHeaders: lines.flat() });
        expect(told).toEqual(hosts.length === 1 ? { host: hosts[0]?.[1], url: '/' } : 'invalid_host');
      }),
    );
  });

  it('is what the target says, where that says it', () => {
    const url = 'http://127.0.0.1:80/healthz?a=/b';
    expect(reading({ url })).toEqual({ host: '127.0.0.1:80', url: '/healthz?a=/b' });
    expect(reading({ url: 'http://[::1]' })).toEqual({ host: '[::1]', url: '/' });
    expect(reading({ url: 'http://localhost?a' })).toEqual({ host: 'localhost', url: '/?a' });
    for (const bad of ['http://', 'http:///healthz', 'http://a@localhost/', 'http://local host/', 'http://::1/'])
      expect(reading({ url: bad }), bad).toBe('invalid_host');
  });
});

describe('a target', () => {
  it('may be a path, or the whole server', () => {
    for (const url of ['/', '/a?b=http://c/', '//evil.example/x', '*'])
      expect(reading({ url })).toEqual({ host: 'localhost:4000', url });
  });

  it('may be nothing else', () => {
    for (const url of ['', 'healthz', 'localhost:4000', 'ftp://localhost/', 'https:localhost/', '/healthz#a', '**'])
      expect(reading({ url }), url).toBe('invalid_path');
  });

  it('may be so long and no longer', () => {
    expect(reading({ url: `/${'x'.repeat(8191)}` })).toMatchObject({ host: 'localhost:4000' });
    expect(reading({ url: `/${'x'.repeat(8192)}` })).toBe('path_too_long');
  });
});

it('the name of a host is the same in every spelling, and its own name', () => {
  expect(hostNameOf('LocalHost.:4000')).toBe('localhost');
  expect(hostNameOf('[0:0::1]:1')).toBe('[::1]');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.domain(),
        fc.ipV4(),
        fc.ipV6().map((text) => `[${text}]`),
      ),
      (host) => {
        const name = hostNameOf(host);
        expect(name).not.toBeNull();
        expect(hostNameOf(`${host.toUpperCase()}:80`)).toBe(name);
        expect(hostNameOf(name ?? '')).toBe(name);
      },
    ),
  );
});
