/** What the tests of one client begin with: a gateway with one account and one key, and the questions all of them ask. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { Answer } from '../../server/sandbox/behaviours/registry.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { onePixelPng } from '../../server/sandbox/behaviours/tools.ts';
import type { Loose } from '../support/ask-public.ts';
import { openClientBench, type ClientBench } from './client-bench.ts';

export const model = 'gpt-5.5';
export const png = `data:image/png;base64,${onePixelPng}`;
/** The shape that answers and arguments have. */
export const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const;
/** A question of which nothing is special, and the tool that goes with it. */
export const user = { role: 'user', content: 'hi' } as const;
export const lookUp = { name: 'look_up', description: 'Looks a city up.', parameters: schema, strict: true } as const;

type AnswerName = 'toolCall' | 'twoCalls' | 'wait' | 'contextTooLong' | 'cut' | 'slow' | 'image';

/** What the provider does; in brackets what it says once the tools have answered. */
export const answers: Readonly<Record<AnswerName, Answer>> = {
  /** Asks for Rome ("It rains."). */
  toolCall: { behaviour: 'N4', name: 'look_up', arguments: '{"city":"Rome"}', text: 'It rains.' },
  /** Asks for Rome and Oslo at once ("Rain and snow."). */
  twoCalls: {
    behaviour: 'N5',
    kind: 'parallel',
    calls: [
      { name: 'look_up', arguments: '{"city":"Rome"}' },
      { name: 'look_up', arguments: '{"city":"Oslo"}' },
    ],
    text: 'Rain and snow.',
  },
  /** Refuses, and may be asked again in a second. */
  wait: { behaviour: 'F3', kind: 'rate_limit_exceeded', retryAfter: 1 },
  contextTooLong: { behaviour: 'F5', kind: 'context_length_exceeded' },
  /** Ends after two words ("word1 word2 "), all of which arrive: a reset may take away what was not read yet. */
  cut: { behaviour: 'F9', at: 'deltas', deltas: 2, how: 'broken-chunk' },
  /** Ten seconds of text, for those who leave in the middle. */
  slow: { behaviour: 'N12', deltas: 200, everyMs: 50 },
  image: { behaviour: 'N15' },
};

export interface ClientScene {
  readonly bench: ClientBench;
  /** The only account. */
  readonly anna: SandboxAccount;
  readonly key: string;
  /** A key that may use another model than `model` alone. */
  narrowKey(): Promise<string>;
  /** Bodies of what reached the provider, oldest first. */
  asks(): Record<string, unknown>[];
  /** Call it before the answer begins, and what it gives once the client left: the provider was told, all is settled. */
  leaving(): () => Promise<void>;
}

/** Opens a gateway for the file that calls it, and makes it new before each test. */
export function useClientScene(): ClientScene {
  let bench: ClientBench;
  let anna: SandboxAccount;
  let key: string;
  let keys = 0;
  beforeAll(async () => {
    bench = await openClientBench({ codex: [] });
    key = await bench.key();
  });
  afterAll(() => bench?.stop());
  beforeEach(async () => {
    await bench.fresh();
    anna = await bench.link('anna', { percentPerAnswer: 0, models: [model, 'gpt-6.1-sol'] });
  });
  return {
    get bench() {
      return bench;
    },
    get anna() {
      return anna;
    },
    get key() {
      return key;
    },
    narrowKey: () => bench.key({ name: `narrow ${(keys += 1)}`, allowedModels: ['gpt-6.1-sol'] }),
    asks: () => bench.sandbox.requests.filter(({ path }) => path.endsWith('/responses')).map((ask) => ask.json()),
    leaving() {
      const ended = bench.sandbox.nextStreamEnd({ account: 'anna' });
      return async () => {
        expect(await ended).toMatchObject({ outcome: 'left' });
        const ledger = ['reservation', 'settlement', 'release'];
        expect(await bench.settled(1)).toMatchObject([
          { status: 'cancelled', errorCode: 'client_disconnected', account: 'anna', attempts: 1, ledger },
        ]);
      };
    },
  };
}

/** What `read` finds in the events, joined. */
export async function textsOf<T>(stream: AsyncIterable<T>, read: (event: T) => unknown): Promise<string> {
  let text = '';
  for await (const event of stream) {
    const found = read(event);
    if (typeof found === 'string') text += found;
  }
  return text;
}

/** What of the libraries is called here; the rest of them stays unknown. */
export type Call = (...given: unknown[]) => Promise<Loose & AsyncIterable<Loose>>;
export type Make<T> = new (options: object) => T;
