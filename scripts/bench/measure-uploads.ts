/** Memory of uploads: what the process grows by while clients send the largest files there may be, at their own pace. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileForm } from '../../server/gateway/files/read-file-form.ts';
import type { Target } from './targets.ts';
import { residentAtRest, watchMost } from './watch-resident.ts';

export interface UploadFigures {
  readonly idleBytes: number;
  /** The most seen while the files came. */
  readonly mostBytes: number;
  readonly failures: number;
  readonly firstFailure: string | null;
}

/** How many files in all, and how many clients send them: as many as have a seat or a place in the line before it. */
export const uploads = { files: 16, clients: 12, bytes: fileForm.maxFileBytes } as const;

const pieceBytes = 256 * 1024;
/** About a second for each file. */
const everyMs = 10;
const restMs = 500;
const mostTries = 10;
const retryMs = 1_000;

/** @param target - One with a process; none of its settings is raised for this. */
export async function measureUploads(target: Target): Promise<UploadFigures> {
  const pid = target.pid ?? 0;
  const failures: string[] = [];
  // Every code path once, so that the first file does not pay for loading and compiling.
  await send(target, pieceBytes);
  await sleep(restMs);
  const idleBytes = await residentAtRest(pid);
  const looking = watchMost(pid);
  let left = uploads.files;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      const failure = await sendUntilServed(target);
      if (failure !== null) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: uploads.clients }, client));
  const mostBytes = await looking.stop();
  return { idleBytes, mostBytes, failures: failures.length, firstFailure: failures[0] ?? null };
}

/** On a slow machine the wait for a seat may be over; then a client waits as it is told, and asks again. */
async function sendUntilServed(target: Target): Promise<string | null> {
  for (let tries = 1; ; tries += 1) {
    const failure = await send(target, uploads.bytes);
    if (tries === mostTries || !failure?.startsWith('503 ')) return failure;
    await sleep(retryMs);
  }
}

/** @returns what went wrong; null when it went well. */
async function send({ origin, headers }: Target, bytes: number): Promise<string | null> {
  try {
    const answer = await fetch(`${origin}/v1/files`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'multipart/form-data; boundary=bench' },
      body: ReadableStream.from(formOf(bytes)),
      duplex: 'half',
    } as RequestInit);
    const text = await answer.text();
    return answer.ok ? null : `${answer.status} ${text.slice(0, 200)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The form in pieces, at the pace of a client. */
async function* formOf(bytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from('--bench\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n');
  yield Buffer.from('--bench\r\ncontent-disposition: form-data; name="file"; filename="f.txt"\r\n\r\n');
  const piece = Buffer.alloc(pieceBytes, 0x78);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    yield piece.subarray(0, Math.min(piece.length, bytes - sent));
    await sleep(everyMs);
  }
  yield Buffer.from('\r\n--bench--\r\n');
}
