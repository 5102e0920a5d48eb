/**
 * The control API on a port of its own (wire spec D1): everything the plain calls can do, for programs that run
 * beside the sandbox. JSON in, JSON out; a wrong request is a 400 with the reason.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { z } from 'zod';
import type { SandboxAccount } from './account.ts';
import { behaviours, type Answer } from './behaviours/registry.ts';
import type { MovableClock } from './movable-clock.ts';
import type { RecordedRequest } from './recorder.ts';
import type { Sandbox } from './sandbox.ts';
import type { OpenSocket } from './websocket-front.ts';

export interface ControlParts {
  readonly sandbox: Sandbox;
  readonly clock: MovableClock;
  readonly accounts: () => Iterable<SandboxAccount>;
  readonly sockets: ReadonlyMap<number, OpenSocket>;
}

const windowSeed = z.strictObject({
  minutes: z.number().int().positive(),
  usedPercent: z.number().min(0).max(100).optional(),
  resetsInSeconds: z.number().optional(),
});
const credits = z
  .strictObject({ hasCredits: z.boolean(), unlimited: z.boolean(), balance: z.string().nullable() })
  .nullable();
const changes = z.strictObject({
  windows: z.array(windowSeed).optional(),
  credits: credits.optional(),
  models: z.array(z.string()).optional(),
  plan: z.string().optional(),
  resetCredits: z.number().int().nonnegative().optional(),
  expireAccessTokens: z.boolean().optional(),
  invalidateAccessTokens: z.boolean().optional(),
  forgetScript: z.boolean().optional(),
});
const newAccount = z.looseObject({ name: z.string().min(1) });
/** Checked again, option by option, when the behaviour is bound. */
const answer = z.union([z.string(), z.looseObject({ behaviour: z.string() })]);
const script = z.strictObject({
  /** Absent: for whichever account comes next. */
  account: z.string().optional(),
  answers: z.array(answer).default([]),
  always: answer.optional(),
});

type Handler = (call: {
  readonly params: readonly string[];
  readonly body: unknown;
  readonly query: URLSearchParams;
}) => unknown;

export function createControlApi(parts: ControlParts): Server {
  const { sandbox } = parts;
  const routes: readonly (readonly [method: string, path: RegExp, handle: Handler])[] = [
    ['GET', /^\/_ctl\/accounts$/, () => [...parts.accounts()].map(describeAccount)],
    [
      'POST',
      /^\/_ctl\/accounts$/,
      ({ body }) => {
        const { name, ...seed } = newAccount.parse(body);
        const given = Object.keys(seed).length > 0;
        const account = given ? sandbox.account(name, seed) : sandbox.account(name);
        return { ...describeAccount(account), authJson: account.authJson() };
      },
    ],
    [
      'POST',
      /^\/_ctl\/accounts\/([^/]+)$/,
      ({ params, body }) => {
        const account = sandbox.account(params[0] ?? '');
        change(account, changes.parse(body));
        return describeAccount(account);
      },
    ],
    [
      'POST',
      /^\/_ctl\/script$/,
      ({ body }) => {
        const asked = script.parse(body);
        const target = asked.account === undefined ? sandbox : sandbox.account(asked.account);
        for (const entry of asked.answers) target.answers(entry as Answer | string);
        if (asked.always !== undefined) target.always(asked.always as Answer | string);
        return { queued: asked.answers.length };
      },
    ],
    ['GET', /^\/_ctl\/behaviours$/, listBehaviours],
    [
      'GET',
      /^\/_ctl\/requests$/,
      ({ query }) => {
        const since = Number(query.get('since') ?? 0);
        return sandbox.requests.filter((request) => request.number > since).map(describeRequest);
      },
    ],
    ['GET', /^\/_ctl\/violations$/, () => sandbox.violations],
    [
      'POST',
      /^\/_ctl\/clock$/,
      ({ body }) => {
        parts.clock.advance(z.strictObject({ advanceMs: z.number().nonnegative() }).parse(body).advanceMs);
        return { now: parts.clock.now().toISOString() };
      },
    ],
    [
      'POST',
      /^\/_ctl\/reset$/,
      () => {
        sandbox.reset();
        return {};
      },
    ],
    ['GET', /^\/_ctl\/sockets$/, () => [...parts.sockets.values()].map(({ number, account }) => ({ number, account }))],
    ['POST', /^\/_ctl\/sockets\/(\d+)\/close$/, ({ params, body }) => closeSocket(parts, Number(params[0]), body)],
  ];

  return createServer((message, response) => {
    const url = new URL(message.url ?? '/', 'http://control');
    const found = routes.find(([method, path]) => method === message.method && path.test(url.pathname));
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (!found) return send(404, { error: 'no such control path' });
    const [, path, handle] = found;
    const params = (path.exec(url.pathname) ?? []).slice(1).map(decodeURIComponent);
    readJson(message)
      .then((body) => send(200, handle({ params, body, query: url.searchParams })))
      .catch((error: unknown) => send(400, { error: error instanceof Error ? error.message : String(error) }));
  });
}

async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}

function change(account: SandboxAccount, asked: z.output<typeof changes>): void {
  if (asked.windows) account.windows(asked.windows);
  if (asked.credits !== undefined) account.credits(asked.credits);
  if (asked.models) account.models(asked.models);
  if (asked.plan !== undefined) account.changePlan(asked.plan);
  if (asked.resetCredits !== undefined) account.resetCredits(asked.resetCredits);
  if (asked.expireAccessTokens) account.expireAccessTokens();
  if (asked.invalidateAccessTokens) account.invalidateAccessTokens();
  if (asked.forgetScript) account.forgetScript();
}

function describeAccount(account: SandboxAccount): Record<string, unknown> {
  const { name, id, userId, email, plan, counters } = account;
  return { name, id, userId, email, plan, counters };
}

function describeRequest(request: RecordedRequest): Record<string, unknown> {
  const { header: _header, json: _json, body, ...rest } = request;
  return { ...rest, body: body.toString('utf8') };
}

function listBehaviours(): Record<string, unknown>[] {
  return Object.entries(behaviours).map(([id, { what, options }]) => ({
    id,
    what,
    options: Object.keys(options.shape),
  }));
}

function closeSocket(parts: ControlParts, number: number, body: unknown): unknown {
  const asked = z.strictObject({ code: z.number().int().optional() }).parse(body);
  const open = parts.sockets.get(number);
  if (!open) throw new Error(`no open socket ${number}`);
  if (asked.code === undefined) open.socket.terminate();
  else open.socket.close(asked.code);
  return { closed: number };
}
