/** Plays a plan over HTTP: every step becomes writes on the response, at the pace of the injected clock. */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../world/world.ts';
import { sseOf, type Plan, type Step, type UsageTokens } from './steps.ts';

export interface HttpStage {
  readonly clock: Clock;
  readonly response: ServerResponse;
  /** Called once the event that reports them is on the wire. */
  readonly report: (usage: UsageTokens) => void;
}

/** How the playing ended: see `StreamEnd` in `recorder.ts`. */
export type PlayEnd = 'done' | 'left' | 'cut';

/** Plays until the plan ends, the caller leaves or the plan cuts the connection. Never rejects for a caller that left. */
export async function playHttp(plan: Plan, stage: HttpStage): Promise<PlayEnd> {
  const { response, clock } = stage;
  const pause = createPause(response, clock);
  /** Something was written in this turn of the event loop. */
  let hasWritten = false;

  for (const step of plan) {
    if (response.destroyed || response.closed) return 'left';
    switch (step.do) {
      case 'event':
        if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
        await write(sseOf(step));
        if (step.usage) stage.report(step.usage);
        break;
      case 'bytes':
        await write(step.bytes);
        if (step.usage) stage.report(step.usage);
        break;
      case 'head':
        response.writeHead(step.status, step.headers);
        response.flushHeaders();
        break;
      case 'refuse':
        sendWhole(response, step);
        return 'done';
      case 'wait':
        await pause.forMs(step.ms);
        hasWritten = false;
        break;
      case 'hang':
        await pause.forEver();
        return 'left';
      case 'cut':
        await cut(response, step.how);
        return 'cut';
      case 'close':
        await cut(response, 'reset');
        return 'cut';
      case 'frame':
      case 'ping':
        break;
    }
  }
  if (response.destroyed || response.closed) return 'left';
  response.end();
  return 'done';

  async function write(bytes: Buffer): Promise<void> {
    // Node joins the writes of one turn of the event loop; a turn of its own gives every event its own packet.
    if (hasWritten) await nextTurnOfLoop();
    hasWritten = true;
    if (!response.write(bytes)) await pause.untilDrained();
  }
}

/** Waiting that ends early when the caller leaves. One listener for the whole answer, however often it waits. */
function createPause(response: ServerResponse, clock: Clock) {
  let timer: Timer | undefined;
  let wake: (() => void) | undefined;
  const end = () => {
    timer?.stop();
    wake?.();
  };
  response.once('close', end);
  const until = (start: () => void) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      start();
    });
  return {
    forMs: (ms: number) => until(() => void (timer = clock.timer(ms, end))),
    untilDrained: () => until(() => void response.once('drain', end)),
    forEver: () => until(() => {}),
  };
}

const nextTurnOfLoop = () => new Promise<void>((resolve) => void setImmediate(resolve));

function sendWhole(response: ServerResponse, step: Extract<Step, { do: 'refuse' }>): void {
  const body = typeof step.body === 'string' ? Buffer.from(step.body) : step.body;
  response.writeHead(step.status, { ...step.headers, 'content-length': String(body.length) });
  response.end(body);
}

/** Everything written so far reaches the socket first: a reset must not swallow the events before it. */
async function cut(response: ServerResponse, how: 'reset' | 'end' | 'broken-chunk'): Promise<void> {
  const socket = response.socket;
  if (!socket) return;
  await nextTurnOfLoop();
  if (how === 'end') return void response.end();
  if (how === 'broken-chunk') return void socket.end('zz\r\nthis is no chunk');
  await new Promise<void>((resolve) => {
    if (socket.writableLength === 0) resolve();
    else socket.once('drain', resolve).once('close', resolve);
  });
  socket.resetAndDestroy();
}
