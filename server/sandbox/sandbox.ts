/**
 * The sandbox provider: a ChatGPT backend that exists only on this machine. It speaks real HTTP and websocket on
 * loopback, answers as the real one does, and faults on request (wire spec D).
 */
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { Clock, Random } from '../world/world.ts';
import type { AccountSeed, SandboxAccount } from './account.ts';
import type { BoundBehaviour } from './behaviours/define.ts';
import { bindAnswer, type Answer } from './behaviours/registry.ts';
import { createControlApi } from './control-api.ts';
import { createFront, createStorage } from './front.ts';
import { createIds, createSeededRandom } from './ids.ts';
import { createMovableClock } from './movable-clock.ts';
import { createProvider } from './provider.ts';
import {
  createRecorder,
  type RecordedRequest,
  type RequestFilter,
  type StreamEnd,
  type Violation,
} from './recorder.ts';
import { createWebsocketFront } from './websocket-front.ts';

export interface Sandbox {
  /** `http://127.0.0.1:PORT`: backend (`/backend-api/…`) and auth host (`/oauth/…`, `/api/accounts/…`) in one. */
  readonly url: string;
  /** Second listener with the control API under `/_ctl/`. */
  readonly controlUrl: string;
  /** Creates the account on the first call, with what the seed says; later calls find it. */
  account(name: string, seed?: Partial<AccountSeed>): SandboxAccount;
  /** Queues an answer for whichever account gets the next fitting request and has nothing queued itself. */
  answers(answer?: Answer | string): void;
  /** The default of every account that has no standing answer of its own. */
  always(answer: Answer | string): void;
  /** The account that signs in at the authorize page and with device codes. */
  signsInAs(name: string): void;
  /** Everything that arrived, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** Everything that should not have arrived. */
  readonly violations: readonly Violation[];
  /** The next matching request to arrive from now on. */
  nextRequest(filter?: RequestFilter): Promise<RecordedRequest>;
  /** The next stream to end from now on, and how. */
  nextStreamEnd(filter?: Partial<StreamEnd>): Promise<StreamEnd>;
  /** Forgets accounts, tokens, scripts and records. */
  reset(): void;
  stop(): Promise<void>;
}

export interface SandboxOptions {
  readonly clock: Clock;
  /** Repeats itself from run to run when absent. */
  readonly random?: Random;
  /** `127.0.0.1` when absent. */
  readonly host?: string;
  /** 0, any free port, when absent. */
  readonly port?: number;
  readonly controlPort?: number;
  /** Newest requests to keep in `requests`; 10 000 when absent. */
  readonly keepRequests?: number;
}

/** Starts the provider. Rejects when a port is taken. */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1';
  const random = options.random ?? createSeededRandom('sandbox');
  const recorder = createRecorder({ keep: options.keepRequests ?? 10_000 });
  // The control API can set the clock forward, whoever made it.
  const clock = createMovableClock(options.clock);
  const provider = createProvider({ parts: { clock, random, ids: createIds() }, recorder });
  const front = createFront(provider);
  const storage = createStorage(provider);
  const sockets = createWebsocketFront(provider, front);
  provider.uploads.storageUrl = await listen(storage, { host, port: 0 });
  const url = await listen(front, { host, port: options.port ?? 0 });

  const sandbox: Sandbox = {
    url,
    // The control API speaks through this object, so it listens once the object is there.
    get controlUrl() {
      return controlUrl;
    },
    account: (name, seed) => provider.account(name, seed),
    answers: (answer = { behaviour: 'N1' }) => provider.script.add(bindForAll(answer)),
    always: (answer) => provider.script.setStanding(bindForAll(answer)),
    signsInAs(name) {
      provider.signIns.person = provider.account(name).name;
    },
    requests: recorder.requests,
    violations: recorder.violations,
    nextRequest: recorder.nextRequest,
    nextStreamEnd: recorder.nextStreamEnd,
    reset: () => provider.reset(),
    async stop() {
      sockets.stop();
      await Promise.all([front, storage, control].map(close));
    },
  };
  const accounts = () => provider.accounts.values();
  const control = createControlApi({ sandbox, clock, accounts, sockets: sockets.open });
  const controlUrl = await listen(control, { host, port: options.controlPort ?? 0 });
  return sandbox;
}

/** A behaviour that changes an account at once needs to know which. */
function bindForAll(answer: Answer | string): BoundBehaviour {
  const bound = bindAnswer(answer);
  if (!bound.stage) throw new Error(`behaviour ${bound.id} changes an account: script it on that account`);
  return bound;
}

async function listen(server: Server, at: { host: string; port: number }): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return `http://${at.host}:${port}`;
}

/** Ends at once: open streams are cut, nothing is waited for. */
async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
