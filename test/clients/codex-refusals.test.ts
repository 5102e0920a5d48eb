import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { limits } from '../../server/contract/limits.ts';
import { newestCodex, oldestCodex, type CodexRun } from '../support/codex-cli.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';
import { failureOf, lastMessageOf, noticesOf } from './codex-output.ts';

let bench: ClientBench;
beforeAll(async () => {
  bench = await openClientBench();
});
afterAll(() => bench?.stop());
beforeEach(() => bench.fresh());

const exec = ['exec', '--skip-git-repo-check', '--json', 'say hello'];
const atCapacity = 'Selected model is at capacity. Please try a different model.';
const reconnects = (run: CodexRun) => noticesOf(run).filter((notice) => notice.startsWith('Reconnecting'));

describe.each([newestCodex, oldestCodex])('what Codex %s shows, and how often it asks (wire spec A8.1)', (version) => {
  it('tells when an account is free again, after one request, when all limits are used up', async () => {
    for (const name of ['anna', 'ben']) {
      const hours = name === 'anna' ? 2 : 3;
      (await bench.link(name)).always({ behaviour: 'F3', resetsInSeconds: hours * 3600 });
    }
    const run = await bench.codex({ version, key: await bench.key(), args: exec });
    expect(run.exitCode).toBe(1);
    // The earlier of the two resets, on the clock of the machine; it runs in UTC here.
    expect(failureOf(run)).toMatch(/^You['’]ve hit your usage limit\. Try again at .*\d+:\d\d [AP]M\.$/);
    const soon = new Date(Date.now() + 2 * 3_600_000);
    const minutes = [-1, 0, 1].map((off) => clockTime(new Date(soon.getTime() + off * 60_000)));
    expect(minutes.some((minute) => failureOf(run)?.includes(minute))).toBe(true);
    expect(reconnects(run)).toEqual([]);
    expect(await bench.statuses()).toEqual([429]);
  });

  it('says that the key was revoked, after six requests', async () => {
    await bench.link('anna');
    const key = await bench.key({ name: 'lost laptop' });
    await bench.gateway.call(apiKeys.revoke, { key: 'lost laptop' });
    const run = await bench.codex({ version, key, args: exec });
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toContain(
      'This API key was revoked. Create a new key and configure it in your client., url: ',
    );
    expect(await bench.statuses()).toEqual([401, 401, 401, 401, 401, 401]);
    expect(bench.sandbox.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('says that the key may not use the model, after one request', async () => {
    await bench.link('anna');
    const key = await bench.key({ allowedModels: ['gpt-6.1-sol'] });
    const run = await bench.codex({ version, key, args: exec });
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toContain('This API key may not use this model.');
    expect(reconnects(run)).toEqual([]);
    expect(await bench.statuses()).toEqual([400]);
    expect(await bench.settled(1)).toMatchObject([
      { status: 'rejected', errorCode: 'model_not_allowed', usageStatus: 'not_applicable', ledger: [] },
    ]);
  });

  it('says which limit of the key is used up and until when, after one request', async () => {
    await bench.link('anna');
    const name = `limited ${version}`;
    const key = await bench.key({ name });
    await bench.gateway.call(limits.set, { key: name, unit: 'requests', window: 'day', maximum: 1 });
    expect((await bench.codex({ version, key, args: exec })).exitCode).toBe(0);
    const run = await bench.codex({ version, key, args: exec });
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toMatch(
      /^You['’]ve hit your usage limit\. .*It allows 1 request per day: 1 used, 1 asked for, or try again at .*[AP]M\.$/,
    );
    expect(reconnects(run)).toEqual([]);
    expect(await bench.statuses()).toEqual([200, 429]);
  });

  it('says that no account offers the model, after one request', async () => {
    await bench.link('anna', { models: ['gpt-6.1-sol'] });
    const run = await bench.codex({ version, key: await bench.key(), args: exec });
    expect(failureOf(run)).toContain('No account of this Pool offers this model.');
    expect(reconnects(run)).toEqual([]);
    expect(await bench.statuses()).toEqual([400]);
  });

  it('says that the request is too large and how large it may be, after one request', async () => {
    await bench.link('anna');
    await bench.change('gateway.max_responses_body_bytes', 4096);
    const run = await bench.codex({ version, key: await bench.key(), args: exec });
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toContain('What was sent is larger than this gateway accepts. The limit is 4096 bytes.');
    expect(reconnects(run)).toEqual([]);
    expect(await bench.statuses()).toEqual([400]);
    expect(bench.sandbox.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('says that the model is at capacity, after five requests, when the provider says so', async () => {
    (await bench.link('anna')).always({ behaviour: 'F4', kind: 'server_is_overloaded' });
    const run = await bench.codex({ version, key: await bench.key(), args: exec });
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toBe(atCapacity);
    expect(await bench.statuses()).toEqual([503, 503, 503, 503, 503]);
  });

  it('is asked again until a seat is free, when all are taken', async () => {
    const { key, leave } = await takeTheOnlySeat(version);
    const codex = await bench.startCodex({ version, key, args: exec });
    await bench.gateway.logged(({ status }) => status === 503, { count: 2, since: seatTaken });
    await leave();
    const run = await codex.finished;
    expect(run.exitCode).toBe(0);
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
    expect(reconnects(run)).toEqual([]);
  });
});

describe('when every seat stays taken', () => {
  // The newest obeys the second it is asked to wait, as often as it asks after any other error.
  it.each([
    [newestCodex, 30],
    [oldestCodex, 5],
  ])('Codex %s asks %i times and says that the model is at capacity', async (version, times) => {
    const { key, leave } = await takeTheOnlySeat(version);
    const run = await bench.codex({ version, key, args: exec });
    await leave();
    expect(failureOf(run)).toBe(atCapacity);
    expect((await bench.statuses()).filter((status) => status === 503)).toHaveLength(times);
  });
});

describe('when its key runs all it may at once', () => {
  it(`Codex ${newestCodex} waits as long as it is asked to, and goes on`, async () => {
    const run = await runBesideAnother(newestCodex);
    expect(run.exitCode).toBe(0);
    expect(lastMessageOf(run)).toBe('Hello from the sandbox.');
  });

  // It knows no other answer by which to wait, and the next turn works.
  it(`Codex ${oldestCodex} ends the turn`, async () => {
    const run = await runBesideAnother(oldestCodex);
    expect(run.exitCode).toBe(1);
    expect(failureOf(run)).toContain('exceeded retry limit, last status: 429 Too Many Requests');
  });

  async function runBesideAnother(version: string): Promise<CodexRun> {
    const name = `single ${version}`;
    const { key, leave } = await takeTheOnlySeat(version, { seats: 2, name });
    await bench.gateway.call(limits.set, { key: name, unit: 'concurrency', window: 'now', maximum: 1 });
    const codex = await bench.startCodex({ version, key, args: exec });
    await bench.gateway.logged(({ status }) => status === 429, { count: 1, since: seatTaken });
    await leave();
    return codex.finished;
  }
});

/** Where the log stood when the seat was taken. */
let seatTaken = 0;

/** Another client with an answer that never ends; nobody waits in line for long. */
async function takeTheOnlySeat(
  version: string,
  { seats = 1, name = 'laptop' }: { seats?: number; name?: string } = {},
): Promise<{ key: string; leave: () => Promise<void> }> {
  const anna = await bench.link('anna');
  const key = await bench.key({ name });
  await bench.change('admission.proxy_stream.seats', seats);
  await bench.change('admission.proxy_stream.wait_ms', 1);
  anna.answers({ behaviour: 'F8', at: 'created' });
  const seated = bench.sandbox.nextRequest({ account: 'anna', method: 'POST' });
  const holder = await bench.startCodex({ version, key, args: exec });
  await seated;
  seatTaken = bench.gateway.log.length;
  const leave = async () => {
    holder.kill();
    await holder.finished;
  };
  return { key, leave };
}

/** As the CLI writes times, on the clock of a machine in UTC. */
function clockTime(date: Date): string {
  const hours = date.getUTCHours();
  return `${((hours + 11) % 12) + 1}:${String(date.getUTCMinutes()).padStart(2, '0')} ${hours < 12 ? 'AM' : 'PM'}`;
}
