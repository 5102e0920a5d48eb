/**
 * Makes a running Node collect its garbage and says what is left, through the inspector that SIGUSR1 opens. What stays
 * after that is held by somebody; resident memory alone cannot tell a leak from a heap that was not tidied yet.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningProcess } from './workshop.ts';

/** Bytes that live JavaScript values hold after a full collection; NaN where the inspector cannot be opened from outside. */
export async function readLiveHeapBytes(running: RunningProcess): Promise<number> {
  const address = await openInspector(running);
  if (!address) return Number.NaN;
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  try {
    // Twice: finalizers of the first collection free what the second finds.
    for (const id of [1, 2]) await ask(socket, { id, method: 'HeapProfiler.collectGarbage' });
    const usage = await ask(socket, { id: 3, method: 'Runtime.getHeapUsage' });
    return Number(usage['usedSize']);
  } finally {
    socket.close();
  }
}

const waitMs = 50;
const waits = 60;

async function openInspector({ pid, readLog }: RunningProcess): Promise<string | null> {
  if (process.platform === 'win32') return null;
  const addressIn = (log: string) => /Debugger listening on (ws:\S+)/.exec(log)?.[1] ?? null;
  for (let waited = 0; waited < waits; waited += 1) {
    const address = addressIn(await readLog());
    if (address) return address;
    if (waited === 0) process.kill(pid, 'SIGUSR1');
    await sleep(waitMs);
  }
  return null;
}

function ask(socket: WebSocket, question: { id: number; method: string }): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    const hear = (event: MessageEvent) => {
      const { id, result } = JSON.parse(String(event.data)) as { id?: number; result?: Record<string, unknown> };
      if (id !== question.id) return;
      socket.removeEventListener('message', hear);
      resolve(result ?? {});
    };
    socket.addEventListener('message', hear);
    socket.send(JSON.stringify(question));
  });
}
