/** What the command line reads from and writes to. A test passes its own. */
import { createInterface } from 'node:readline/promises';
import { buffer } from 'node:stream/consumers';

export interface Terminal {
  /** Standard output: what was asked for, nothing else. */
  write(text: string): void;
  /** Standard error: refusals, questions, warnings. */
  complain(text: string): void;
  /** Everything on standard input. */
  readInput(): Promise<string>;
  /** Asks whoever sits there; null when nobody does. */
  readonly ask: ((question: string) => Promise<string>) | null;
  /** Calls `listener` on Ctrl-C or a request to end, instead of ending, until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  // `codex-pooler … | head` closes the pipe early, which is nobody's fault.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    write: (text) => void stdout.write(text),
    complain: (text) => void stderr.write(text),
    readInput: async () => (await buffer(stdin)).toString('utf8'),
    ask: stdin.isTTY && stderr.isTTY ? ask : null,
    onInterrupt(listener) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.once(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}
