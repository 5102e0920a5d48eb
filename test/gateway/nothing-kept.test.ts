/**
 * Nothing a user writes and no secret may be kept: canaries are planted in every place a person or a provider can write
 * to, every path is driven, and then the log, the whole database, the data folder and our own errors are searched.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../server/observe/log.ts';
import { driveEveryPath, planted } from '../support/drive-every-path.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

let gateway: GatewayUnderTest;
let secrets: Record<string, string>;
let ownErrors: readonly string[];

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  const anna = await gateway.link('anna', { percentPerAnswer: 0 });
  const ben = await gateway.link('ben', { percentPerAnswer: 0 });
  const key = await gateway.key();
  const narrow = await gateway.key({ allowedModels: ['gpt-6-luna'] });
  const file = JSON.parse(anna.authJson()) as { tokens: Record<string, string> };
  secrets = {
    key: key.slice('sk-cxp-0123456789ab-'.length),
    narrowKey: narrow.slice('sk-cxp-0123456789ab-'.length),
    adminToken: (await readFile(join(gateway.dataFolder, 'admin-token'), 'utf8')).trim(),
    ...Object.fromEntries(
      gateway.sandbox.requests.flatMap(({ headers }, index) =>
        headers
          .filter(([name]) => name.toLowerCase() === 'authorization')
          .map(([, value]) => [`bearer ${index}`, value.slice(7)]),
      ),
    ),
    newAccessToken: file.tokens['access_token'] ?? '',
    newRefreshToken: file.tokens['refresh_token'] ?? '',
  };
  const adminToken = secrets['adminToken'] ?? '';
  ownErrors = await driveEveryPath({ gateway, anna, ben, key, narrow, adminToken });
});
afterAll(() => gateway.stop());

function refreshRefusals(): number {
  return gateway.sandbox.requests.filter(({ path }) => path === '/oauth/token').length;
}

/** Everything that must be found nowhere. */
function needles(): [string, string][] {
  return [...Object.entries(planted), ...Object.entries(secrets)].filter(([, text]) => text !== '');
}

function hits(haystack: string): string[] {
  return needles().flatMap(([name, text]) => (haystack.includes(text) ? [name] : []));
}

describe('after every path was driven', () => {
  it('the search itself finds what is there', () => {
    expect(refreshRefusals()).toBeGreaterThan(6);
    expect(hits(`… ${planted.prompt} … ${secrets['key']}`)).toEqual(['prompt', 'key']);
    expect(gateway.sandbox.requests.some(({ body }) => body.includes(planted.prompt))).toBe(true);
  });

  it('the log holds none of it, as facts and as written lines', () => {
    expect(gateway.log.length).toBeGreaterThan(50);
    expect(hits(JSON.stringify(gateway.log))).toEqual([]);
    const written: string[] = [];
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => (written.push(chunk.toString()), done()),
    });
    const log = createLog({ level: 'debug', format: 'json', destination });
    for (const { event, facts } of gateway.log) log.info(event, facts);
    expect(written.length).toBe(gateway.log.length);
    expect(hits(written.join(''))).toEqual([]);
  });

  it('no table of the database holds any of it', async () => {
    const { db } = gateway.database;
    const tables = await sql<{
      name: string;
    }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(db);
    expect(tables.rows.length).toBeGreaterThan(15);
    for (const { name } of tables.rows) {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(name)} t`.execute(db);
      expect([name, hits(rows.map(({ text }) => text).join('\n'))]).toEqual([name, []]);
      // A bytea prints as hexadecimal.
      const hex = rows.map(({ text }) => text).join('\n');
      expect([
        name,
        needles().flatMap(([what, text]) => (hex.includes(Buffer.from(text).toString('hex')) ? [what] : [])),
      ]).toEqual([name, []]);
    }
  });

  it('no file of the data folder holds any of it, but the admin token its own', async () => {
    for (const name of await readdir(gateway.dataFolder)) {
      if (name.endsWith('.sock')) continue;
      const found = hits(await readFile(join(gateway.dataFolder, name), 'latin1'));
      expect([name, found]).toEqual([name, name === 'admin-token' ? ['adminToken'] : []]);
    }
  });

  it('none of our own answers repeats what was sent', () => {
    expect(ownErrors.length).toBeGreaterThan(10);
    for (const text of ownErrors) expect(hits(text)).toEqual([]);
  });
});
