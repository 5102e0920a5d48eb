/**
 * The load process: asks over connections it keeps, measures, and says what it saw. A process of its own, so that
 * neither the measured program nor the benchmark's bookkeeping shares its event loop.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import type { LoadAnswer, LoadJob, LoadQuestion, LoadResult } from './load-job.ts';
import { openLoadSocket, type TurnSample as Sample } from './load-sockets.ts';

const kept = new Map<string, Client[]>();

/** One client is one connection. They stay open between jobs, as a Codex client's do between turns. */
function clientsOf(origin: string, count: number): Client[] {
  const clients = kept.get(origin) ?? [];
  kept.set(origin, clients);
  while (clients.length < count) {
    clients.push(new Client(origin, { pipelining: 1, bodyTimeout: 0, headersTimeout: 0 }));
  }
  return clients.slice(0, count);
}

/** One request. Undici's lowest door: a reader of the body would cost more than what is measured. */
function ask(client: Client, { job, headers }: { job: LoadJob; headers: Record<string, string> }): Promise<Sample> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    let firstByteMs = Number.NaN;
    let status = 0;
    let before: Buffer | null = null;
    let last: Buffer | null = null;
    const end = (failure: string | null) => resolve({ firstByteMs, totalMs: performance.now() - startedMs, failure });
    client.dispatch(
      { method: 'POST', path: job.path, headers, body: job.body },
      {
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData(_controller, chunk) {
          if (last === null) firstByteMs = performance.now() - startedMs;
          before = last;
          last = chunk;
        },
        onResponseEnd() {
          end(failureOf({ status, before, last, endMark: job.endMark }));
        },
        onResponseError(_controller, error) {
          end('code' in error && typeof error.code === 'string' ? error.code : error.name);
        },
      },
    );
  });
}

function failureOf(answer: { status: number; before: Buffer | null; last: Buffer | null; endMark: string }) {
  const { status, before, last, endMark } = answer;
  if (status === 200 && last?.includes(endMark)) return null;
  // The mark may be cut by the border between two pieces.
  const text = Buffer.concat([before, last].filter((piece) => piece !== null)).toString('utf8');
  if (status !== 200) return `status ${status}: ${text.slice(0, 300)}`;
  return text.includes(endMark) ? null : 'status 200, but the answer is not whole';
}

/** Each connection is a conversation of its own; how its name begins tells the sandbox what to answer. */
function headersOf({ headers }: LoadJob, index: number): Record<string, string> {
  return { ...headers, 'session-id': `bench-${index}`, 'thread-id': `${headers['thread-id']}-${index}` };
}

function openSockets(job: LoadJob) {
  return Promise.all(Array.from({ length: job.connections }, (_, index) => openLoadSocket(job, headersOf(job, index))));
}

async function run(job: LoadJob): Promise<LoadResult> {
  const samples: Sample[] = [];
  const { until, connections, rampMs } = job;
  const startedMs = performance.now();
  const mayGoOn = (done: number) =>
    'ms' in until ? performance.now() - startedMs < until.ms : done < until.requestsEach;
  const keepAsking = async (askOnce: (headers: Record<string, string>) => Promise<Sample>, index: number) => {
    if (rampMs > 0) await sleep((rampMs * index) / connections);
    for (let done = 0; mayGoOn(done); done += 1) samples.push(await askOnce(headersOf(job, index)));
  };
  if (job.transport === 'http') {
    const clients = clientsOf(job.origin, connections);
    await Promise.all(clients.map((client, index) => keepAsking((headers) => ask(client, { job, headers }), index)));
  } else {
    // Opened before the clock of the first turn starts, and kept for all turns.
    const sockets = await openSockets(job);
    await Promise.all(sockets.map((socket, index) => keepAsking(() => socket.ask(job.body), index)));
    await Promise.all(sockets.map((socket) => socket.close()));
  }
  const elapsedMs = performance.now() - startedMs;
  const failed = samples.filter(({ failure }) => failure !== null);
  const good = samples.filter(({ failure }) => failure === null);
  return {
    firstByteMs: good.map(({ firstByteMs }) => firstByteMs),
    totalMs: good.map(({ totalMs }) => totalMs),
    failures: failed.length,
    firstFailure: failed[0]?.failure ?? null,
    elapsedMs,
  };
}

const say = (answer: LoadAnswer | { ready: true }) => void process.send?.(answer);

process.on('message', ({ number, job }: LoadQuestion) => {
  run(job)
    .then((result) => say({ number, result }))
    .catch((error: unknown) => say({ number, problem: error instanceof Error ? error.message : String(error) }));
});
process.once('disconnect', () => process.exit());
say({ ready: true });
