/** Asks the server that uses a data folder who and where it is; for command line tools and for a second start. */
import { connect } from 'node:net';
import { z } from 'zod';
import { claimAddress } from './claim-address.ts';
import { checkSocketFolder } from './socket-folder.ts';

/** A busy server answers within milliseconds; a stopped one (suspended by a debugger) never does. */
const answerLimitMs = 2_000;
const longestAnswer = 4_096;

const answerSchema = z.object({ pid: z.int(), url: z.string().nullable() });

export interface RunningInstance {
  /** Null when it holds the folder but did not answer in time. */
  readonly pid: number | null;
  /** Address of its HTTP server; null while it is still starting. */
  readonly url: string | null;
}

/**
 * The server running on this data folder, or null when there is none.
 *
 * @throws StartProblem when somebody else may answer in its place.
 */
export async function askRunningInstance(dataFolder: string): Promise<RunningInstance | null> {
  const address = claimAddress(dataFolder);
  checkSocketFolder(address, dataFolder);
  return askAt(address);
}

/** The same by address. @throws the system's error when the address exists but may not be used. */
export function askAt(address: string): Promise<RunningInstance | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    let text = '';
    let connected = false;
    const finish = (answer: RunningInstance | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(answerLimitMs, () => finish({ pid: null, url: null }));
    socket.setEncoding('utf8');
    socket.on('connect', () => void (connected = true));
    socket.on('data', (part: string) => {
      if (text.length < longestAnswer) text += part;
    });
    socket.on('end', () => finish(readAnswer(text)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (connected) return finish({ pid: null, url: null });
      // Refused: the socket's owner died. Not found: there was none. Not a socket: somebody's file.
      if (['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(error.code ?? '')) return finish(null);
      return reject(error);
    });
  });
}

function readAnswer(text: string): RunningInstance {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return { pid: null, url: null };
  }
}
