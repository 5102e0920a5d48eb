/** A Codex client on a bare connection of its own: exact header pairs out, exact bytes back, and leaving at any moment. */
import { request as httpRequest, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { codexBody, type CodexAsk } from './codex-request.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As on the wire, content encodings not undone. */
  readonly body: Buffer;
  /** `end`: the answer was whole as HTTP goes. `broken`: the connection ended first. */
  readonly ending: 'end' | 'broken';
}

export interface RawCall {
  readonly request: ClientRequest;
  /** Resolves with the status once the head of the answer is here; rejects when it never comes. */
  readonly status: Promise<number>;
  /** Everything received so far. */
  received(): Buffer;
  /** Resolves as soon as the bytes received satisfy this; rejects when the answer ends before. */
  until(isEnough: (received: string) => boolean): Promise<string>;
  /** The whole answer. Rejects only when no head came. */
  readonly answer: Promise<RawAnswer>;
  /** Stops reading; what the gateway sends fills the connection. */
  stopReading(): void;
  /** Closes the connection at once. */
  leave(): void;
}

export interface RawAsk extends CodexAsk {
  /** Header pairs in wire order, beside the key and the content type; replaces the usual ones. */
  readonly pairs?: readonly (readonly [name: string, value: string])[];
  /** Replaces the Pool key's `authorization`. */
  readonly authorization?: string;
  /** What `content-length` says; the body's own length when absent. */
  readonly announcedBytes?: number;
}

/** Sends one inference request. */
export function openCodex(target: { url: string }, key: string, ask: RawAsk = {}): RawCall {
  const { thread = 'thread-1', path = '/backend-api/codex/responses' } = ask;
  const usual: readonly (readonly [string, string])[] = [
    ['accept', 'text/event-stream'],
    ['originator', 'codex_exec'],
    ['user-agent', 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)'],
    ['session-id', thread],
    ['thread-id', thread],
    ...Object.entries(ask.headers ?? {}),
  ];
  const body = ask.body ?? codexBody(ask);
  const headers = [
    ['host', new URL(target.url).host],
    ['authorization', ask.authorization ?? `Bearer ${key}`],
    ['content-type', 'application/json'],
    ['content-length', String(ask.announcedBytes ?? Buffer.byteLength(body))],
    ...(ask.pairs ?? usual),
  ];
  const request = httpRequest(target.url + path, { method: 'POST', headers: headers.flat() as never, agent: false });
  const call = followCall(request);
  request.end(body);
  return call;
}

function followCall(request: ClientRequest): RawCall {
  const chunks: Buffer[] = [];
  const status = Promise.withResolvers<number>();
  const answer = Promise.withResolvers<RawAnswer>();
  let waiting: { isEnough: (received: string) => boolean; settle: PromiseWithResolvers<string> }[] = [];
  let stopReading = () => {};
  // Nobody is obliged to look at every promise of a call.
  for (const { promise } of [status, answer]) promise.catch(() => undefined);

  const received = () => Buffer.concat(chunks);
  const tell = () => {
    if (waiting.length === 0) return;
    const text = received().toString('utf8');
    const told = waiting.filter(({ isEnough }) => isEnough(text));
    waiting = waiting.filter((each) => !told.includes(each));
    for (const { settle } of told) settle.resolve(text);
  };
  const giveUp = (error: Error) => {
    tell();
    for (const { settle } of waiting.splice(0)) settle.reject(error);
  };
  request.on('error', (error) => {
    status.reject(error);
    answer.reject(error);
    giveUp(error);
  });
  request.on('response', (response) => {
    const end = (ending: 'end' | 'broken') => {
      answer.resolve({ status: response.statusCode ?? 0, headers: response.headers, body: received(), ending });
      giveUp(new Error(`the answer ended before: ${received().toString('utf8').slice(-500)}`));
    };
    stopReading = () => void response.pause();
    status.resolve(response.statusCode ?? 0);
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      tell();
    });
    response.on('end', () => end('end'));
    response.on('error', () => end('broken'));
  });
  return {
    request,
    status: status.promise,
    answer: answer.promise,
    received,
    until(isEnough) {
      const settle = Promise.withResolvers<string>();
      waiting.push({ isEnough, settle });
      tell();
      return settle.promise;
    },
    stopReading: () => stopReading(),
    leave: () => void request.destroy(),
  };
}

/** The gateway's own id of the request. */
export function requestIdOf(answer: Pick<RawAnswer, 'headers'>): string {
  return String(answer.headers['x-request-id']);
}
