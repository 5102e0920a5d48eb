/** The load over websockets: one for each connection, kept for all turns of a job, as a Codex client keeps its own. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { LoadJob } from './load-job.ts';

/** One turn's answer. */
export interface TurnSample {
  readonly firstByteMs: number;
  readonly totalMs: number;
  readonly failure: string | null;
}

export interface LoadSocket {
  /** One turn; an error frame or a closed socket is a failure, never a rejection. */
  ask(frame: string): Promise<TurnSample>;
  close(): Promise<void>;
}

const betaHeader = { 'openai-beta': 'responses_websockets=2026-02-06' };

/** @throws Error when there is no 101. */
export async function openLoadSocket(job: LoadJob, headers: Readonly<Record<string, string>>): Promise<LoadSocket> {
  const socket = new WebSocket(job.origin.replace('http', 'ws') + job.path, {
    perMessageDeflate: false,
    headers: { ...headers, ...betaHeader },
  });
  await once(socket, 'open');
  let onFrame = (_frame: Buffer): void => undefined;
  let onGone = (): void => undefined;
  socket.on('message', (frame: Buffer) => onFrame(frame));
  socket.on('error', () => undefined);
  socket.on('close', () => onGone());

  return {
    ask(frame) {
      return new Promise((resolve) => {
        const startedMs = performance.now();
        let firstByteMs = Number.NaN;
        const end = (failure: string | null) =>
          resolve({ firstByteMs, totalMs: performance.now() - startedMs, failure });
        onGone = () => end('the socket closed');
        onFrame = (received) => {
          if (Number.isNaN(firstByteMs)) firstByteMs = performance.now() - startedMs;
          if (received.includes(job.endMark)) end(null);
          else if (received.includes('{"type":"error"')) end(received.toString('utf8', 0, 300));
        };
        if (socket.readyState === WebSocket.OPEN) socket.send(frame);
        else end('the socket is closed');
      });
    },
    async close() {
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}
