/** A small client for the tests of this room: well-formed requests to a sandbox over HTTP and websocket. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { WebSocket } from 'ws';
import { systemClock } from '../world/real-world.ts';
import type { SandboxAccount } from './account.ts';
import { createMovableClock, type MovableClock } from './movable-clock.ts';
import { createSandbox, type Sandbox } from './sandbox.ts';

export interface Bench {
  readonly sandbox: Sandbox;
  readonly clock: MovableClock;
  readonly account: SandboxAccount;
  readonly tokens: { readonly accessToken: string; readonly refreshToken: string };
  /** Credentials of the account. */
  readonly headers: Record<string, string>;
  ask(changes?: Record<string, unknown>, extra?: Record<string, string>): Promise<Response>;
  get(path: string): Promise<Response>;
  post(path: string, body: unknown, extra?: Record<string, string>): Promise<Response>;
  /** One inference request read from the bare socket: the chunks as they came, and how it ended. */
  watch(): Promise<{ chunks: Buffer[]; ending: 'end' | 'broken'; status: number | undefined }>;
  openSocket(extra?: Record<string, string>): WebSocket;
}

export async function openBench(): Promise<Bench> {
  const clock = createMovableClock(systemClock);
  const sandbox = await createSandbox({ clock });
  const account = sandbox.account('anna');
  const tokens = account.signIn();
  const headers = credentialsOf(account, tokens.accessToken);
  const post = (path: string, body: unknown, extra: Record<string, string> = {}) =>
    fetch(sandbox.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, ...extra },
      body: JSON.stringify(body),
      redirect: 'manual',
    });
  return {
    sandbox,
    clock,
    account,
    tokens,
    headers,
    post,
    ask: (changes, extra) => post(responses, askBody(changes), extra),
    get: (path) => fetch(sandbox.url + path, { headers, redirect: 'manual' }),
    watch: () => watch(sandbox.url, headers),
    openSocket: (extra = {}) =>
      new WebSocket(sandbox.url.replace('http', 'ws') + responses, {
        headers: { ...headers, 'openai-beta': 'responses_websockets=2026-02-06', ...extra },
      }),
  };
}

export const responses = '/backend-api/codex/responses';

export function credentialsOf(account: SandboxAccount, token: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'chatgpt-account-id': account.id };
}

export function userMessage(text: string): Record<string, unknown> {
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
}

/** A request in the full dialect. */
export function askBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: 'gpt-5.5', stream: true, store: false, input: [userMessage('say hello')], tools: [], ...changes };
}

/** A request in the lite dialect. */
export function liteBody(...input: unknown[]): Record<string, unknown> {
  const additional = { type: 'additional_tools', role: 'developer', tools: [] };
  return { model: 'gpt-6.1-sol', stream: true, store: false, input: [additional, ...input] };
}

/** The JSON payloads of an SSE text. */
export function eventsOf(sse: string): Record<string, unknown>[] {
  const lines = sse.split(/\r\n|\r|\n/).filter((line) => line.startsWith('data: '));
  return lines.map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
}

export const typesOf = (events: readonly Record<string, unknown>[]) => events.map((event) => event['type']);

async function watch(url: string, headers: Record<string, string>) {
  const chunks: Buffer[] = [];
  let status: number | undefined;
  const ending = await new Promise<'end' | 'broken'>((resolve) => {
    const request = httpRequest(url + responses, { method: 'POST', headers }, (response) => {
      status = response.statusCode;
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('end', () => resolve('end'));
      response.on('error', () => resolve('broken'));
    });
    request.on('error', () => resolve('broken'));
    request.end(JSON.stringify(askBody()));
  });
  return { chunks, ending, status };
}

/** Frames of a socket, one after the other, as JSON. */
export function framesOf(socket: WebSocket) {
  const waiting: Record<string, unknown>[] = [];
  let wake = () => {};
  socket.on('message', (content: Buffer) => {
    waiting.push(JSON.parse(content.toString('utf8')) as Record<string, unknown>);
    wake();
  });
  return {
    async next(): Promise<Record<string, unknown>> {
      while (waiting.length === 0) await new Promise<void>((resolve) => void (wake = resolve));
      return waiting.shift() ?? {};
    },
    /** Everything up to the end of the answer. */
    async answer(): Promise<Record<string, unknown>[]> {
      const frames: Record<string, unknown>[] = [];
      for (;;) {
        const frame = await this.next();
        frames.push(frame);
        if (frame['type'] === 'response.completed' || frame['type'] === 'error') return frames;
      }
    },
  };
}

/** Close code of a socket, once it closes. */
export async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

/** A `response.create` frame. */
export const create = (changes: Record<string, unknown> = {}) =>
  JSON.stringify({ type: 'response.create', ...askBody(changes) });

/** Status of a refused handshake. */
export async function refusedStatus(socket: WebSocket): Promise<number | undefined> {
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { statusCode?: number; resume(): void },
  ];
  response.resume();
  socket.on('error', () => {});
  socket.terminate();
  return response.statusCode;
}
