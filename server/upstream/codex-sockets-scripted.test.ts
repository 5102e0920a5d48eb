/** Websockets to a provider whose every frame is written here: what the sandbox does not do, or not a thousand times. */
import { expect, it } from 'vitest';
import { accountFacts } from '../../test/support/account-facts.ts';
import { createHandMovedClock } from '../../test/support/one-installation.ts';
import { quietLog } from '../../test/support/quiet-log.ts';
import { textOf } from '../../test/support/upstream-bench.ts';
import type { Websocket, WebsocketListener } from '../world/world.ts';
import { createCodexSockets } from './codex-sockets.ts';

it('of sockets at rest the one unused longest goes when there are more than a thousand', async () => {
  const { sockets, turn } = connected(({ say, number, turns }) => {
    const response = { id: `resp_${number}_${turns}` };
    say({ type: 'response.created', response });
    say({ type: 'response.completed', response });
  });
  for (let owner = 1; owner <= 1_000; owner += 1) await turn(`owner-${owner}`);
  expect(sockets.counts()).toMatchObject({ open: 1_000, idle: 1_000 });
  // The first is used again, so the second is now the one unused longest.
  await turn('owner-1');
  await turn('owner-1001');
  expect(sockets.counts()).toMatchObject({ open: 1_000, idle: 1_000 });
  const held = [
    ['owner-1', 'resp_1_2'],
    ['owner-2', 'resp_2_1'],
    ['owner-3', 'resp_3_1'],
    ['owner-1001', 'resp_1001_1'],
  ].map(([owner = '', answer = '']) => sockets.holds(owner, answer));
  expect(held).toEqual([true, false, true, true]);
});

it('a used socket that dies after the first word of a turn is not replaced: the provider may work on it', async () => {
  const { turn, opened } = connected(({ say, die, turns }) => {
    say({ type: 'codex.rate_limits' });
    if (turns > 1) return die();
    say({ type: 'response.completed', response: { id: 'resp_1' } });
  });
  await turn('one');
  await expect(turn('one')).rejects.toMatchObject({ name: 'NetworkFault', kind: 'reset' });
  expect(opened()).toBe(1);
});

interface Line {
  /** Of the socket. */
  readonly number: number;
  /** Asked on it so far. */
  readonly turns: number;
  readonly say: (frame: unknown) => void;
  readonly die: () => void;
}

function connected(answer: (line: Line) => void) {
  let count = 0;
  const open = (listener: WebsocketListener): Websocket => {
    const number = (count += 1);
    let turns = 0;
    const say = (frame: unknown) => listener.text(Buffer.from(JSON.stringify(frame)));
    const die = () => listener.closed(1006);
    const answerNow = () => answer({ number, turns: (turns += 1), say, die });
    return {
      headers: new Map(),
      unsentBytes: 0,
      receivedBytes: 0,
      send: () => queueMicrotask(answerNow),
      ping: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
      destroy: () => undefined,
    };
  };
  const network = {
    openWebsocket: async ({ listener }: { listener: WebsocketListener }) => ({
      kind: 'open' as const,
      socket: open(listener),
    }),
  };
  const sockets = createCodexSockets({ network, clock: createHandMovedClock(), log: quietLog, idleMs: () => 60_000 });
  const turn = async (owner: string) => {
    const answered = await sockets.call({
      owner,
      account: accountFacts('anna'),
      credential: { accessToken: 'token', epoch: 1 },
      url: 'https://provider.example/',
      body: Buffer.from('{"model":"m"}'),
      identityHeaders: [],
      turnState: null,
      signal: new AbortController().signal,
    });
    expect(answered && (await textOf(answered))).toContain('response.completed');
  };
  return { sockets, turn, opened: () => count };
}
