import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { errorCodes, errorRow, type ErrorCode } from './error-codes.ts';
import { GatewayError } from './gateway-error.ts';
import { Instant } from './instant.ts';
import { PoolSlug } from './pools.ts';
import { defaultSettings, settings } from './settings.ts';

/** Every endpoint of the contract, found in its files so that none can be forgotten. */
const folder = new URL('./', import.meta.url);
const endpoints: Endpoint[] = [];
for (const name of readdirSync(folder).filter((each) => each.endsWith('.ts') && !each.endsWith('.test.ts'))) {
  const file = (await import(new URL(name, folder).href)) as Record<string, unknown>;
  for (const exported of Object.values(file)) {
    if (typeof exported !== 'object' || exported === null) continue;
    for (const each of Object.values(exported)) if (isEndpoint(each)) endpoints.push(each);
  }
}

describe('the endpoints', () => {
  it('are there', () => {
    expect(endpoints.length).toBeGreaterThan(8);
  });

  it.each(endpoints.map(({ name }) => name))('%s is named after its room and what it does', (name) => {
    expect(name).toMatch(/^[a-z][a-z-]*\.[a-z][a-z-]*$/);
  });

  it('have different names', () => {
    const names = endpoints.map(({ name }) => name);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it.each(endpoints.map((endpoint) => [endpoint.name, endpoint] as const))(
    '%s refuses fields that it does not know',
    (_name, { input }) => {
      const parsed = input.safeParse({ canaryField: 1 });
      expect(JSON.stringify(parsed.error?.issues)).toContain('canaryField');
    },
  );

  it.each(endpoints.map((endpoint) => [endpoint.name, endpoint] as const))(
    '%s audits only what it changes, by names that its input or output has',
    (_name, { kind, audit, input, output }) => {
      if (kind === 'query') expect(audit).toEqual([]);
      for (const path of audit) expect(hasPath(input, path) || hasPath(output, path), path).toBe(true);
    },
  );

  it('keep no secret in the audit trail', () => {
    for (const { audit } of endpoints)
      expect(audit.join(' ')).not.toMatch(/secret|token|authJson|password|sha256|ciphertext/i);
  });
});

describe('the errors', () => {
  const codes = Object.keys(errorCodes) as ErrorCode[];
  it.each(codes)('%s has a status of its kind and a sentence a person can read', (code) => {
    const row = errorRow(code);
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
    expect(row.message).toMatch(/^(?:[A-Z].*[.]|Not Found)$/s);
    if (row.blame === 'client' && row.status !== 499) expect(row.status).toBeLessThan(500);
    if (row.type === 'server_error') expect(row.status).toBeGreaterThanOrEqual(499);
  });

  it('say row and detail, and nothing of their cause', () => {
    const error = new GatewayError('invalid_request', { detail: 'Byte 7.', cause: new Error('canary') });
    expect(error.sentence).toBe('The request is not valid. Byte 7.');
    expect(error.message).toBe('invalid_request');
    expect(new GatewayError('not_found').sentence).toBe('Not Found');
  });
});

describe('the settings', () => {
  it.each(Object.entries(settings))('%s has a default that its own schema takes, and words for people', (name, row) => {
    expect(row.schema.safeParse(row.default).success).toBe(true);
    expect(name).toMatch(/^[a-z_]+(?:\.[a-z_]+)+$/);
    expect(row.label).toMatch(/^[A-Z]/);
    expect(row.help).toMatch(/^[A-Z].*\.$/s);
  });

  it('have a frozen set of defaults', () => {
    expect(Object.keys(defaultSettings)).toEqual(Object.keys(settings));
    expect(Object.isFrozen(defaultSettings)).toBe(true);
  });
});

describe('plain values', () => {
  it('an instant is read from a Date and from ISO text', () => {
    const at = new Date('2026-11-23T12:00:00.000Z');
    expect(Instant.parse(at)).toEqual(at);
    expect(Instant.parse('2026-11-23T13:00:00+01:00')).toEqual(at);
    for (const bad of ['yesterday', '2026-11-23', 5, new Date(Number.NaN)])
      expect(Instant.safeParse(bad).success, String(bad)).toBe(false);
  });

  it.each([
    ['default', true],
    ['a', true],
    ['a-b-2', true],
    ['-a', false],
    ['a-', false],
    ['A', false],
    ['', false],
    ['a b', false],
    ['a'.repeat(81), false],
  ])('"%s" is a slug: %s', (slug, isSlug) => {
    expect(PoolSlug.safeParse(slug).success).toBe(isSlug);
  });
});

function isEndpoint(value: unknown): value is Endpoint {
  return typeof value === 'object' && value !== null && 'kind' in value && 'input' in value && 'output' in value;
}

function hasPath(schema: z.ZodType, path: string): boolean {
  let found: z.ZodType | undefined = schema;
  for (const key of path.split('.')) found = found instanceof z.ZodObject ? (found.shape[key] as z.ZodType) : undefined;
  return found !== undefined;
}
