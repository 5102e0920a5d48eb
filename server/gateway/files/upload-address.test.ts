import { describe, expect, it } from 'vitest';
import { uploadAddress } from './upload-address.ts';

const isTaken = (text: unknown, providerOrigin = 'https://provider.example') =>
  uploadAddress(text, { providerOrigin }) !== null;

describe('the address that bytes are sent to', () => {
  it.each(['https://storage.example/upload?sig=1', 'https://8.8.8.8/x', 'https://[2606:4700::1111]/x'])(
    'may be %s',
    (text) => {
      expect(isTaken(text)).toBe(true);
    },
  );

  it.each([
    'http://storage.example/upload',
    'https://127.0.0.1/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://[::1]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://169.254.169.254/latest/meta-data',
    'https://user:word@storage.example/x',
    'file:///etc/passwd',
    'nothing',
    undefined,
    7,
  ])('is never %s', (text) => {
    expect(isTaken(text)).toBe(false);
  });

  it("may be on the provider's own host as it was configured, in its own protocol", () => {
    expect(isTaken('http://127.0.0.1:9/upload', 'http://127.0.0.1:8')).toBe(true);
    expect(isTaken('http://127.0.0.2:9/upload', 'http://127.0.0.1:8')).toBe(false);
    expect(isTaken('http://provider.example/upload')).toBe(false);
  });
});
