/**
 * A server that is killed while requests stand at every stage: reserving, dispatched, streaming, moving to another
 * account, settling. Nothing is lost, nothing counts twice, and nothing a user wrote is left on disk.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { apiKeys } from '../../server/contract/api-keys.ts';
import { settingsEndpoints } from '../../server/contract/settings.ts';
import { createSeededRandom } from '../../server/sandbox/ids.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { systemClock } from '../../server/world/real-world.ts';
import { typesOf } from '../support/codex-request.ts';
import { openCodex, type RawCall } from '../support/raw-codex.ts';
import { startServer, type ServerProcess } from '../support/server-process.ts';

const canaries = {
  prompt: 'canary-prompt-of-a-crash',
  answer: 'canary-answer-of-a-crash',
  thread: 'canary-thread-of-a-crash',
};
/** Each kill meets this many requests at whatever stage they are. */
const requestsPerKill = 80;
const kills = 5;

let sandbox: Sandbox;
let dataFolder: string;
let server: ServerProcess;
let key: string;
const secrets = new Map<string, string>(Object.entries(canaries));

const start = () =>
  startServer({ dataFolder, env: { CODEX_POOLER_UPSTREAM_URL: sandbox.url, CODEX_POOLER_AUTH_URL: sandbox.url } });

beforeAll(async () => {
  sandbox = await createSandbox({ clock: systemClock });
  dataFolder = await mkdtemp(join(tmpdir(), 'codex-pooler-crash-'));
  server = await start();
  for (const name of ['anna', 'ben']) {
    const account = sandbox.account(name, { percentPerAnswer: 0 });
    const authJson = account.authJson();
    const { tokens } = JSON.parse(authJson) as { tokens: Record<string, string> };
    for (const [kind, token] of Object.entries(tokens))
      if (typeof token === 'string' && kind !== 'account_id') secrets.set(`${kind} of ${name}`, token);
    await server.call(accounts.import, { authJson, label: name });
  }
  key = (await server.call(apiKeys.create, { name: 'test' })).secret;
  secrets.set('secret of the key', key.slice('sk-cxp-0123456789ab-'.length));
});
afterAll(async () => {
  await server.stop();
  await sandbox.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

async function query<Row extends pg.QueryResultRow>(statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: await server.databaseUrl() });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

function ask(thread: string): RawCall {
  const call = openCodex(server, key, { text: canaries.prompt, thread: `${canaries.thread}-${thread}` });
  call.answer.catch(() => undefined);
  return call;
}

/** Requests that the ledger closed in no way or in two, attempts left open, sums beside the ledger: each empty. */
async function faults() {
  const [open, notOnce, attempts, sums] = await Promise.all([
    query(`select id from requests where status = 'in_progress' or completed_at is null`),
    query(`select request_id, array_agg(event order by event) as events from ledger_entries group by 1
      having count(*) filter (where event = 'reservation') <> 1 or count(*) filter (where event = 'release') <> 1
        or count(*) filter (where event = 'settlement') > 1 or sum(requests) > 1`),
    query(`select request_id from attempts where status = 'in_progress' or completed_at is null`),
    query(`select * from (select sum(requests) - (select count(*) from requests) as requests,
        sum(usage_known) - (select count(*) from requests where usage_status = 'usage_known') as known,
        sum(total_tokens) - (select coalesce(sum(total_tokens), 0) from ledger_entries
          where usage_status = 'usage_known') as tokens from usage_hours) as difference
      where requests <> 0 or known <> 0 or tokens <> 0`),
  ]);
  return { open, notOnce, attempts, sums };
}

const none = { open: [], notOnce: [], attempts: [], sums: [] };
const inferences = () => sandbox.requests.filter(({ path }) => path === '/backend-api/codex/responses').length;

describe('a server that is killed', () => {
  it('closes every attempt of each request, keeps no text of theirs on disk, and goes on', async () => {
    await server.call(settingsEndpoints.change, { name: 'admission.proxy_stream.seats', value: 6 });
    sandbox.always(canaries.answer);
    expect((await ask('whole').answer).body.toString('utf8')).toContain(canaries.answer);

    // Two fail at one account and hang at the other.
    sandbox.always({ behaviour: 'F8', at: 'start' });
    for (const thread of ['moved-1', 'moved-2']) {
      sandbox.answers({ behaviour: 'F9', at: 'headers', how: 'reset' });
      const second = secondArrival(sandbox);
      ask(thread);
      await second;
    }
    sandbox.always({ behaviour: 'N12', deltas: 10_000, everyMs: 20 });
    // The rest streams, and one waits for a seat and leaves no row.
    const streaming = Array.from({ length: 4 }, (_, index) => ask(`cut-${index}`));
    await Promise.all(streaming.map((call) => call.until((received) => received.includes('output_text.delta'))));
    ask('queued');
    expect(await query(`select attempt_count from requests where status = 'in_progress'`)).toHaveLength(6);
    expect(await query(`select 1 from attempts where status = 'in_progress'`)).toHaveLength(8);

    await server.kill9();
    sandbox.always(canaries.answer);
    server = await start();

    expect(
      await query(
        `select status, error_code, attempt_count, count(*)::int as n from requests group by 1, 2, 3 order by 3, 1`,
      ),
    ).toEqual([
      { status: 'failed', error_code: 'process_ended', attempt_count: 1, n: 4 },
      { status: 'succeeded', error_code: null, attempt_count: 1, n: 1 },
      { status: 'failed', error_code: 'process_ended', attempt_count: 2, n: 2 },
    ]);
    expect(await faults()).toEqual(none);
    const after = await ask('after').answer;
    expect(typesOf(after.body.toString('utf8')).at(-1)).toBe('response.completed');

    // Tables, their log and whatever Postgres wrote beside them; tokens stand there sealed only.
    await query('checkpoint');
    expect(await filesWith(dataFolder, secrets)).toEqual([]);
    // The search finds what is there.
    expect(await filesWith(dataFolder, new Map([['label', 'anna']]))).not.toEqual([]);
  });

  it('at any moment, loses no request that was sent and counts none twice', async () => {
    await server.call(settingsEndpoints.change, { name: 'admission.proxy_stream.seats', value: requestsPerKill });
    const random = createSeededRandom('kills');
    const pick = (below: number) => Math.floor(random.fraction() * below);
    // Every request's use is of a size of its own, so that each can be found in the books.
    const sizes = new Set<number>();
    const nextSize = () => {
      const inputTokens = firstSize + sizes.size;
      sizes.add(inputTokens);
      return inputTokens;
    };
    for (let kill = 0; kill < kills; kill += 1) {
      sandbox.always(canaries.answer);
      for (let each = 0; each < requestsPerKill; each += 1) sandbox.answers(stages[pick(stages.length)]!(nextSize()));
      // When so many requests have reached the provider, others are through, on their way there, or being reserved.
      const enough = inferences() + 1 + pick(requestsPerKill / 2);
      const arrived = sandbox.nextRequest(() => inferences() >= enough);
      for (let each = 0; each < requestsPerKill; each += 1) ask(`${kill}-${each}`);
      await arrived;
      await server.kill9();
      server = await start();
      expect(await faults()).toEqual(none);
    }
    // Whatever the provider was asked has its attempt.
    const [{ n: recorded } = { n: 0 }] = await query<{ n: number }>('select count(*)::int as n from attempts');
    expect(recorded).toBeGreaterThanOrEqual(inferences());
    const [{ n: ended } = { n: 0 }] = await query<{ n: number }>(
      `select count(*)::int as n from requests where error_code = 'process_ended'`,
    );
    expect(ended).toBeGreaterThan(kills);
    await expectReportsInBooks(sizes);
  }, 120_000);
});

/** Larger than what is set aside for a request of these tests, so that no estimate looks like a report. */
const firstSize = 1_000_000;

/** What the provider does with a request that uses so many input tokens, so that a kill meets it at another stage. */
const stages = [
  (inputTokens) => ({ behaviour: 'N1', text: 'quick', usage: { inputTokens } }),
  (inputTokens) => ({ behaviour: 'N12', deltas: 10_000, everyMs: 20, usage: { inputTokens } }),
  (inputTokens) => ({ behaviour: 'N12', deltas: 5, everyMs: 10, usage: { inputTokens } }),
  () => ({ behaviour: 'F8', at: 'start' }),
  () => ({ behaviour: 'F9', at: 'headers', how: 'reset' }),
  (inputTokens) => ({
    behaviour: 'F6',
    code: 'server_error',
    usage: { inputTokens, cachedTokens: 0, outputTokens: 1 },
  }),
  (inputTokens) => ({ behaviour: 'F7', usage: { inputTokens } }),
] as const satisfies readonly ((inputTokens: number) => Parameters<Sandbox['answers']>[0])[];

/** What is known of use is what the provider said, each once; what it said and nobody lived to note is not guessed. */
async function expectReportsInBooks(sizes: ReadonlySet<number>): Promise<void> {
  const noted = await query<{ size: string; n: number }>(
    `select input_tokens::text as size, count(*)::int as n from ledger_entries
     where usage_status = 'usage_known' and input_tokens >= ${firstSize} group by 1`,
  );
  expect(noted.filter(({ size, n }) => n !== 1 || !sizes.has(Number(size)))).toEqual([]);
  expect(noted.length).toBeGreaterThan(kills);
  const reported = ['anna', 'ben'].reduce((sum, name) => sum + sandbox.account(name).counters.inputTokens, 0);
  const known = noted.reduce((sum, { size }) => sum + Number(size), 0);
  expect(known).toBeLessThanOrEqual(reported);
}

/** Resolves when the provider has been asked twice from now on. */
async function secondArrival(sandbox: Sandbox): Promise<void> {
  const path = '/backend-api/codex/responses';
  const first = await sandbox.nextRequest({ path });
  await sandbox.nextRequest((request) => request.path === path && request.number > first.number);
}

/** Files below a folder that hold one of these texts, and which. */
async function filesWith(folder: string, texts: ReadonlyMap<string, string>): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
    for (const [name, text] of texts) if (content.includes(text)) found.push([entry.name, name]);
  }
  return found;
}
