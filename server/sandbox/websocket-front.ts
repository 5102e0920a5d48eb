/** The websocket side of the backend: who may open a socket, and which ones are open (wire spec A7, B13). */
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Account } from './account.ts';
import type { HandshakePlan } from './handshake.ts';
import { responsesPath } from './inference.ts';
import type { Provider } from './provider.ts';
import { describeMessage } from './read-request.ts';
import type { RecordedRequest } from './recorder.ts';
import { refuse, type RefuseStep } from './steps.ts';
import { openSession } from './websocket-session.ts';

/** An open socket, as the control API lists it. */
export interface OpenSocket {
  readonly number: number;
  readonly account: string;
  readonly socket: WebSocket;
}

export interface WebsocketFront {
  readonly open: ReadonlyMap<number, OpenSocket>;
  /** Kills every socket. */
  stop(): void;
}

/** What one message may weigh; beyond it the socket is closed with 1009 (wire spec B13). */
const maxMessageBytes = 16 * 1024 * 1024;
const requiredBeta = 'responses_websockets=2026-02-06';

/** Answers upgrade requests on the server. */
export function createWebsocketFront(provider: Provider, server: Server): WebsocketFront {
  const open = new Map<number, OpenSocket>();
  const waiting = new Set<Duplex>();
  const acceptors = new Map<string, WebSocketServer>();

  server.on('upgrade', (message: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const request = provider.recorder.record({
      ...describeMessage(provider, message),
      kind: 'handshake',
      body: Buffer.alloc(0),
      wireBytes: 0,
    });
    provider.inspect(request);
    const admitted = admit(provider, request);
    if ('do' in admitted) return refuseUpgrade(socket, admitted);
    const { account, plan } = admitted;
    if (plan.refuse) return refuseUpgrade(socket, plan.refuse);
    if (plan.hang) {
      waiting.add(socket);
      socket.once('close', () => waiting.delete(socket));
      return;
    }
    acceptorFor(plan).handleUpgrade(message, socket, head, (opened) => {
      open.set(request.socket, { number: request.socket, account: account.name, socket: opened });
      account.counters.openSockets += 1;
      opened.once('close', () => {
        open.delete(request.socket);
        account.counters.openSockets -= 1;
      });
      openSession({ provider, account, plan, handshake: request, socket: opened, tcp: socket });
    });
  });

  function acceptorFor(plan: HandshakePlan): WebSocketServer {
    const name = `${plan.compress ?? false} ${plan.ignoresPings ?? false}`;
    const known = acceptors.get(name);
    if (known) return known;
    const acceptor = new WebSocketServer({
      noServer: true,
      maxPayload: maxMessageBytes,
      perMessageDeflate: plan.compress ? { threshold: 0 } : false,
      autoPong: !plan.ignoresPings,
    });
    acceptor.on('headers', (headers, message) => headers.push(...limitHeaders(provider, message)));
    acceptors.set(name, acceptor);
    return acceptor;
  }

  return {
    open,
    stop() {
      for (const { socket } of open.values()) socket.terminate();
      for (const socket of waiting) socket.destroy();
    },
  };
}

function admit(provider: Provider, request: RecordedRequest): { account: Account; plan: HandshakePlan } | RefuseStep {
  if (request.path !== responsesPath) return refuse(404, { detail: 'Not Found' });
  const account = provider.authenticate(request);
  if ('do' in account) return account;
  if (request.header('openai-beta') !== requiredBeta)
    return refuse(400, { detail: `OpenAI-Beta must be ${requiredBeta}` });
  const scripted = provider.takeScripted(account, 'handshake', { path: request.path, transport: 'websocket' });
  return { account, plan: scripted?.handshake({ account, parts: provider.parts }) ?? {} };
}

function limitHeaders(provider: Provider, message: IncomingMessage): string[] {
  const account = provider.accounts.get(provider.ownerOf(message.headers.authorization) ?? '');
  const headers = { 'x-request-id': provider.parts.ids.next('req'), ...account?.quota.headers(account.plan) };
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
}

function refuseUpgrade(socket: Duplex, step: RefuseStep): void {
  const body = Buffer.from(step.body);
  const headers = { ...step.headers, connection: 'close', 'content-length': String(body.length) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${step.status} ${STATUS_CODES[step.status] ?? 'Refused'}\r\n${lines.join('')}\r\n`);
  // The caller may never close its side, so this one does not wait for it.
  socket.end(body, () => socket.destroy());
}
