/** Calls of administrators have seats of their own: too many of them wait or are told so, and clients notice nothing. */
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAdminToken } from '../../server/data-folder/admin-token.ts';
import { askCodex } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

/** A time nobody else waits for: a timer of it is a call in the line. */
const queueWaitMs = 606_841;

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let token: string;
let waited = 0;

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open({
    settings: {
      'admission.admin_browser.seats': 1,
      'admission.admin_browser.queue': 1,
      'admission.admin_browser.wait_ms': queueWaitMs,
    },
  });
  await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
  token = (await readAdminToken(gateway.dataFolder))!;
});
afterAll(() => installation.stop());

/** Asks for the jobs, whose rows a test can hold. */
async function call(signal?: AbortSignal): Promise<{ status: number; wait: string | null; code: unknown }> {
  const answer = await fetch(`${gateway.url}/admin/api/jobs.list`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    ...(signal && { signal }),
  });
  const body = (await answer.json()) as { error?: { code?: unknown } };
  return { status: answer.status, wait: answer.headers.get('retry-after'), code: body.error?.code };
}

const waits = () => installation.clock.timersOf(queueWaitMs, (waited += 1));

/** While nobody can read the jobs, the first call keeps the only seat. */
async function whileTheSeatIsTaken(act: (calls: ReturnType<typeof call>[]) => Promise<void>): Promise<void> {
  await installation.database.db.transaction().execute(async (transaction) => {
    await sql`lock table job_runs in access exclusive mode`.execute(transaction);
    const calls = [call(), call()];
    await waits();
    await act(calls);
  });
}

describe('more calls than there are seats for administrators', () => {
  it('wait in line, beyond it they are told at once, and clients are served meanwhile', async () => {
    let standing: ReturnType<typeof call>[] = [];
    await whileTheSeatIsTaken(async (calls) => {
      standing = calls;
      expect(await call()).toEqual({ status: 503, wait: '1', code: 'server_is_overloaded' });
      const answer = await askCodex(gateway, key);
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('response.completed')]);
    });
    expect((await Promise.all(standing)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('are told so as well after waiting too long', async () => {
    let standing: ReturnType<typeof call>[] = [];
    await whileTheSeatIsTaken(async (calls) => {
      standing = calls;
      installation.clock.advance(queueWaitMs);
      expect((await Promise.race(calls)).status).toBe(503);
    });
    expect((await Promise.all(standing)).map(({ status }) => status).toSorted()).toEqual([200, 503]);
  });

  it('leave their place in the line to the next when their caller goes', async () => {
    let standing: Promise<unknown>[] = [];
    await installation.database.db.transaction().execute(async (transaction) => {
      await sql`lock table job_runs in access exclusive mode`.execute(transaction);
      const [first, second] = [new AbortController(), new AbortController()];
      const calls = [call(first.signal), call(second.signal)].map((each) => each.catch(() => null));
      await waits();
      // Whichever of them has the seat: its work goes on, and the other leaves the line.
      first.abort();
      second.abort();
      for (let nth = 1, left = 0; left < 2; nth += 1)
        if ((await gateway.logged('request', nth)).facts['status'] === 499) left += 1;
      const next = call();
      await waits();
      standing = [...calls, next];
    });
    expect(await Promise.all(standing)).toEqual([null, null, expect.objectContaining({ status: 200 })]);
  });
});
