/**
 * Which clients the OpenAI surface is proved with, in which situations, and where one is left out, why. TypeScript asks
 * the file of each client for a proof of everything that is not excused here (`prove.ts`); docs/clients.md shows the table.
 */

/** What a client is put through, in the words of the table and of the tests. */
export const situations = {
  plain: 'an answer as a whole',
  streamed: 'an answer piece by piece',
  toolLoop: 'a tool called, its result sent, the answer to it',
  parallelTools: 'two tools called at once',
  structuredOutput: 'an answer of a wanted shape',
  imageInput: 'an image sent along',
  wrongKey: 'a wrong key (401)',
  modelNotAllowed: 'a model that the key may not use (403)',
  limitWithWait: 'a limit that says how long to wait (429)',
  contextTooLong: 'a conversation too long for the model (400)',
  upstreamCut: 'an answer that breaks off',
  abort: 'leaving in the middle of an answer',
  transcription: 'sound written down',
  imageGeneration: 'an image drawn',
  fileUpload: 'a file uploaded, then read',
} as const;

export type Situation = keyof typeof situations;

/** Calls with an address of their own, which no surface has a form of. */
export const ofNoSurface: readonly Situation[] = ['transcription', 'imageGeneration', 'fileUpload'];

/** The two languages of `/v1`. */
export type Surface = 'responses' | 'chat';

interface ClientFacts {
  readonly name: string;
  /** Exact versions, and what the client needs beside it. */
  readonly packages: readonly [string, ...string[]];
  readonly surfaces: readonly [Surface, ...Surface[]];
  /** Why it is not put through a situation. */
  readonly cannot: Partial<Readonly<Record<Situation, string>>>;
}

/** By the name of the file that proves them, `<name>.test.ts`. */
export const clients = {
  openai: {
    name: 'openai',
    // Its websockets want the one beside it.
    packages: ['openai@7.59.0', 'ws@8.23.0'],
    surfaces: ['responses', 'chat'],
    cannot: {},
  },
  'ai-sdk': {
    name: 'Vercel AI SDK',
    packages: ['ai@7.0.173', '@ai-sdk/openai@4.0.118', 'zod@4.6.7'],
    surfaces: ['responses', 'chat'],
    cannot: {},
  },
  'ai-sdk-compatible': {
    name: 'AI SDK, OpenAI-compatible',
    packages: ['@ai-sdk/openai-compatible@3.0.92', 'ai@7.0.173', 'zod@4.6.7'],
    surfaces: ['chat'],
    cannot: {
      transcription: 'It has no call for it.',
      fileUpload: 'It has no call for it.',
    },
  },
  langchain: {
    name: 'LangChain',
    packages: ['@langchain/openai@1.6.0', '@langchain/core@1.4.0', 'zod@4.6.7'],
    surfaces: ['responses', 'chat'],
    cannot: {
      transcription: '`@langchain/openai` has no call for it.',
      fileUpload: '`@langchain/openai` has no call for it.',
    },
  },
  opencode: {
    name: 'OpenCode',
    packages: ['opencode-ai@1.18.33'],
    surfaces: ['responses'],
    cannot: {
      plain: 'It streams every answer.',
      transcription: 'It never asks for it.',
      imageGeneration: 'It never asks for it.',
      fileUpload: 'It sends files within its questions.',
    },
  },
  continue: {
    name: 'Continue',
    packages: ['@continuedev/cli@1.5.47'],
    surfaces: ['responses'],
    cannot: {
      plain: 'It streams every answer.',
      structuredOutput: 'It never asks for it.',
      imageInput: 'Without a terminal it takes nothing but text.',
      transcription: 'It never asks for it.',
      imageGeneration: 'It never asks for it.',
      fileUpload: 'It sends files within its questions.',
    },
  },
} as const satisfies Readonly<Record<string, ClientFacts>>;

export type Client = keyof typeof clients;

/** Why the client is not put through the situation; undefined: it is. */
export function excuseOf(client: Client, situation: Situation): string | undefined {
  const { cannot }: ClientFacts = clients[client];
  return cannot[situation];
}

/** A proof of every situation that the client is not excused from. */
export type Proofs<C extends Client> = Readonly<
  Record<Exclude<Situation, keyof (typeof clients)[C]['cannot']>, (surface: Surface) => Promise<void>>
>;
