/** What is answered here and asks the database takes a seat: a client that asks a thousand times leaves it to others. */
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

/** A time nobody else waits for: a timer of it is a call in the line. */
const queueWaitMs = 6_833;

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let waited = 0;

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open({
    settings: {
      'admission.proxy_http.seats': 1,
      'admission.proxy_http.queue': 1,
      'admission.proxy_http.wait_ms': queueWaitMs,
    },
  });
  await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());

describe.each([
  ['the use of a key', '/v1/usage', 'usage_hours', 200],
  ['the files of a key', '/v1/files', 'uploaded_files', 200],
  ['one file', '/v1/files/file-1', 'uploaded_files', 404],
  ['saved resets', '/wham/rate-limit-reset-credits', 'reset_credits', 200],
])('%s', (_name, path, table, status) => {
  const ask = () => fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } });

  it('is read by as many at once as there are seats; more wait, and beyond the line are told so', async () => {
    const standing = await installation.database.db.transaction().execute(async (transaction) => {
      await sql`lock table ${sql.table(table)} in access exclusive mode`.execute(transaction);
      const calls = [ask(), ask()];
      await installation.clock.timersOf(queueWaitMs, (waited += 1));
      const refused = await ask();
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ error: { code: 'server_is_overloaded' } });
      return calls;
    });
    expect((await Promise.all(standing)).map((answer) => answer.status)).toEqual([status, status]);
  });
});
