/** Plays a plan over a websocket: every event becomes a text frame, a refusal becomes an error frame (wire spec A7). */
import type { Socket } from 'node:net';
import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { Clock } from '../world/world.ts';
import type { PlayEnd } from './play-http.ts';
import type { Plan, RefuseStep, Step, UsageTokens } from './steps.ts';

export interface SocketStage {
  readonly clock: Clock;
  readonly socket: WebSocket;
  /** The TCP connection below, for resets. */
  readonly tcp: Socket;
  readonly report: (usage: UsageTokens) => void;
  /** Called when an answer is complete, with the id that may be continued. */
  readonly completed: (id: string) => void;
}

/** Plays until the plan ends, the caller leaves or the plan ends the socket. */
export async function playWebsocket(plan: Plan, stage: SocketStage): Promise<PlayEnd> {
  const { socket } = stage;
  for (const step of plan) {
    if (socket.readyState !== socket.OPEN) return 'left';
    switch (step.do) {
      case 'event':
        if (step.completesId !== undefined) stage.completed(step.completesId);
        await send(socket, step.json);
        if (step.usage) stage.report(step.usage);
        break;
      case 'bytes':
        await send(socket, step.bytes.toString('utf8'));
        if (step.usage) stage.report(step.usage);
        break;
      case 'refuse':
        await send(socket, errorFrame(step));
        return 'done';
      case 'wait':
        await waitUnlessLeft(stage, step.ms);
        break;
      case 'hang':
        await waitUnlessLeft(stage, undefined);
        return 'left';
      case 'cut':
        await nextTurnOfLoop();
        if (step.how === 'end') socket.close(1000);
        else stage.tcp.resetAndDestroy();
        return 'cut';
      case 'close':
        socket.close(step.code);
        return 'cut';
      case 'frame':
        sendOddly(socket, step);
        break;
      case 'ping':
        socket.ping();
        break;
      case 'head':
        break;
    }
  }
  return 'done';
}

/** Resolves when the frame is handed to the system, so that a slow reader slows the answer down. */
export function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => socket.send(text, () => resolve()));
}

function sendOddly(socket: WebSocket, step: Extract<Step, { do: 'frame' }>): void {
  const count = step.fragments ?? 1;
  const bytes = typeof step.data === 'string' ? Buffer.from(step.data) : step.data;
  const size = Math.ceil(bytes.length / count);
  for (let index = 0; index < count; index += 1) {
    const piece = bytes.subarray(index * size, (index + 1) * size);
    socket.send(piece, { binary: step.binary ?? false, fin: index === count - 1 });
  }
}

/** The frame form of a whole HTTP answer (wire spec A7.5). A body without an error object gets one. */
function errorFrame(step: RefuseStep): string {
  const body = parse(step.body.toString());
  const message = typeof body['detail'] === 'string' ? body['detail'] : 'The request was refused.';
  const error = body['error'] ?? { type: 'invalid_request_error', code: null, message };
  const limits = Object.entries(step.headers).filter(([name]) => name.startsWith('x-codex-') || name === 'retry-after');
  const headers = limits.length ? { headers: Object.fromEntries(limits) } : {};
  return JSON.stringify({ type: 'error', status: step.status, error, ...headers });
}

function parse(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {}; // HTML and empty bodies have no error object.
  }
}

function waitUnlessLeft(stage: SocketStage, ms: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : stage.clock.timer(ms, finish);
    stage.socket.once('close', finish);
    function finish(): void {
      timer?.stop();
      stage.socket.off('close', finish);
      resolve();
    }
  });
}
