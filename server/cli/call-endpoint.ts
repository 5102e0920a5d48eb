/**
 * Endpoints as a command of the command line calls them: at the server that works on the data folder, or in this
 * process when none does. Either way the same dispatch checks, runs and audits them.
 */
import type { z } from 'zod';
import { createApp, type App } from '../app.ts';
import type { Endpoint, OutputOf } from '../contract/endpoint.ts';
import { readAdminToken } from '../data-folder/admin-token.ts';
import type { Config, Secrets } from '../environment.ts';
import type { AdminDispatch } from '../http/admin-dispatch.ts';
import { parseJson } from '../lib/json-values.ts';
import { takeTurn, type ServingInstance } from '../take-turn.ts';
import { AnswerTooLarge, readWhole } from '../world/read-whole.ts';
import type { HttpAnswer, Network, World } from '../world/world.ts';
import { CommandProblem, exitCodes } from './command-problem.ts';

/** @example const { accounts: all } = await call(accounts.list, {}); */
export type CallEndpoint = <E extends Endpoint>(endpoint: E, input: z.input<E['input']>) => Promise<OutputOf<E>>;

export interface OpenEndpoints {
  readonly call: CallEndpoint;
  /** The server that answers; null when this process answers itself. */
  readonly server: ServingInstance | null;
  stop(): Promise<void>;
}

export interface EndpointParts {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly world: World;
}

/** A server that starts for the first time makes a database; another command may read an account meanwhile. */
const turnLimitMs = 60_000;
/** Reading an account asks the provider several questions with limits of their own. */
const answerLimitMs = 180_000;
const pingLimitMs = 5_000;
/** A list of some thousand keys. Anything larger is not from our server. */
const longestAnswer = 16 * 2 ** 20;

/** @throws {StartProblem} in plain words when neither a server nor this process can be asked. */
export async function openEndpoints({ config, secrets, world }: EndpointParts): Promise<OpenEndpoints> {
  const { clock, network } = world;
  const turn = await takeTurn<App>(config.dataFolder, {
    clock,
    limitMs: turnLimitMs,
    open: () => createApp({ config, secrets, world }),
    answers: (url) => isServing(originOf(url), network),
  });
  if (turn.kind === 'opened') {
    return { call: callHere(turn.opened.dispatch), server: null, stop: () => turn.opened.stop() };
  }
  const adminToken = await tokenOf(config.dataFolder);
  return {
    call: callServer({ origin: originOf(turn.instance.url), adminToken, network }),
    server: turn.instance,
    stop: () => Promise.resolve(),
  };
}

/** Calls through a dispatch of this process. */
export function callHere(dispatch: AdminDispatch): CallEndpoint {
  return async (endpoint, input) =>
    (await dispatch({ name: endpoint.name, input, actor: 'local-admin', requestId: null })) as OutputOf<
      typeof endpoint
    >;
}

/**
 * The name `localhost` may lead to another address family, where another user's program could listen and would be
 * handed the token.
 */
function originOf(url: string): string {
  const parsed = new URL(url);
  if (parsed.hostname === 'localhost') parsed.hostname = '127.0.0.1';
  return parsed.origin;
}

async function isServing(origin: string, network: Network): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(pingLimitMs);
    const answer = await network.call('account', {
      method: 'GET',
      url: `${origin}/healthz`,
      headers: [],
      signal,
      headersMs: pingLimitMs,
    });
    answer.cancel();
    return answer.status === 200;
  } catch {
    // Between two servers, or stopping: the next look tells.
    return false;
  }
}

async function tokenOf(dataFolder: string): Promise<string> {
  const token = await readAdminToken(dataFolder).catch((error: unknown) => {
    throw new CommandProblem('admin_token_unreadable', {
      sentence: `The admin token in ${dataFolder} can be read only by the user who runs the server. Run this command as that user.`,
      exitCode: exitCodes.configuration,
      cause: error,
    });
  });
  if (token !== null) return token;
  throw new CommandProblem('admin_token_unreadable', {
    sentence: `The data folder ${dataFolder} holds no admin token. Restart the server; it makes a new one.`,
    exitCode: exitCodes.configuration,
  });
}

function callServer({
  origin,
  adminToken,
  network,
}: {
  origin: string;
  adminToken: string;
  network: Network;
}): CallEndpoint {
  return async (endpoint, input) => {
    const answer = await network.call('account', {
      method: 'POST',
      url: `${origin}/admin/api/${endpoint.name}`,
      headers: [
        ['authorization', `Bearer ${adminToken}`],
        ['content-type', 'application/json'],
      ],
      body: JSON.stringify(input),
      signal: AbortSignal.timeout(answerLimitMs),
      headersMs: answerLimitMs,
    });
    const content = await contentOf(answer);
    if (answer.status === 200) return endpoint.output.parse(content) as OutputOf<typeof endpoint>;
    throw refusalOf(content, { status: answer.status, name: endpoint.name });
  };
}

/** undefined for what no server of ours says: a page of something else, or more than any of our answers. */
async function contentOf(answer: HttpAnswer): Promise<unknown> {
  try {
    return parseJson(await readWhole(answer, longestAnswer));
  } catch (error) {
    if (error instanceof AnswerTooLarge) return undefined;
    throw error;
  }
}

function refusalOf(content: unknown, { status, name }: { status: number; name: string }): CommandProblem {
  const error = (content as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') {
    return new CommandProblem('server_refused', {
      sentence: `The server answered ${name} with status ${status}. Is it this program?`,
    });
  }
  if (error.code === 'not_found') {
    return new CommandProblem('not_found', {
      sentence: `The running server does not know ${name}: it runs another version. Restart it with this one.`,
    });
  }
  return new CommandProblem(error.code, { sentence: error.message });
}
