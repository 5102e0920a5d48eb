/**
 * Clients on websockets of both surfaces, who go on, ask twice at once and leave in the middle, and a provider that does
 * whatever a provider may do: every turn of a socket that lives has one end, and every turn is settled.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsAfterAll, soundBooks } from '../support/ledger.ts';
import { askTurn, publicPath } from '../support/public-turns.ts';
import { openSocket, type Frame, type SocketClient } from '../support/socket-client.ts';

type Account = Awaited<ReturnType<GatewayUnderTest['link']>>;

let gateway: GatewayUnderTest;
let key: string;
let accounts: Account[];
beforeAll(async () => {
  gateway = await gatewayUnderTest({ settings: { 'gateway.holdback_ms': 20 } });
  accounts = [];
  for (const name of ['anna', 'ben', 'carla']) accounts.push(await gateway.link(name, { percentPerAnswer: 0 }));
  key = await gateway.key();
});
afterAll(() => gateway.stop());

const behaviours: NonNullable<Parameters<Account['answers']>[0]>[] = [
  'N2',
  'N3',
  'N13',
  'N14',
  'F7',
  'W5',
  'W7',
  ...(['usage_null', 'empty_id'] as const).map((kind) => ({ behaviour: 'N10' as const, kind })),
  ...(['created', 'deltas', 'item_done', 'completed'] as const).map((at) => ({ behaviour: 'F9' as const, at })),
  ...[401, 426, 503].map((status) => ({ behaviour: 'W1' as const, status })),
  ...(['open', 'mid_answer', 'item_done', 'after_turn'] as const).map((at) => ({ behaviour: 'W2' as const, at })),
  { behaviour: 'W2', at: 'mid_answer', how: 'reset' },
  { behaviour: 'W3', status: 429, type: 'rate_limit_exceeded' },
  { behaviour: 'W3', status: 503, statusField: 'none', deltas: 2 },
  ...(['binary', 'junk', 'fragmented', 'ping', 'compressed'] as const).map((kind) => ({
    behaviour: 'W6' as const,
    kind,
  })),
  { behaviour: 'F6', code: 'server_is_overloaded' },
  { behaviour: 'N12', deltas: 5, everyMs: 5 },
];

const step = fc.record({
  /** What an account does with one of the next calls. */
  script: fc.record({ account: fc.nat(2), answer: fc.constantFrom(...behaviours) }),
  turns: fc.constantFrom(1, 1, 1, 2),
  goesOn: fc.boolean(),
  leaves: fc.constantFrom(...Array.from({ length: 10 }, (_, index) => index === 0)),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The last frame of each turn of one client that was answered. */
async function play(steps: readonly Step[], { thread, isPublic }: { thread: string; isPublic: boolean }) {
  const ends: Frame[] = [];
  let client: SocketClient | null = null;
  let last = '';
  for (const { script, turns, goesOn, leaves } of steps) {
    client ??= await openSocket(gateway, key, { thread, ...(isPublic && { path: publicPath }) });
    accounts[script.account]?.answers(script.answer);
    for (let turn = 0; turn < turns; turn += 1) {
      const extra = goesOn && turn === 0 && last !== '' ? { previous_response_id: last } : {};
      if (isPublic) askTurn(client, extra);
      else client.turn({ thread, extra });
    }
    last = '';
    if (leaves) client.leave();
    for (let turn = 0; turn < turns && client; turn += 1) {
      const frames: Frame[] | null = await client.answer().catch(() => null);
      const end = frames?.at(-1);
      if (end) ends.push(end);
      else client = null;
      const { response } = (end ?? {}) as { response?: { id?: string } };
      last = end?.['type'] === 'response.completed' ? (response?.id ?? '') : '';
    }
  }
  client?.leave();
  return ends;
}

it('every turn ends once, each error says its status, and the books are sound', async () => {
  const clients = fc.sample(fc.array(step, { minLength: 12, maxLength: 12 }), { seed: 7, numRuns: 12 });
  const played = clients.map((steps, index) => play(steps, { thread: `storm-${index}`, isPublic: index % 3 === 2 }));
  const ends = (await Promise.all(played)).flat();
  const errors = ends.filter(({ type }) => type === 'error');
  expect(errors.filter(({ status }) => typeof status !== 'number')).toEqual([]);
  expect(ends.filter(({ type }) => type === 'response.completed')).not.toEqual([]);
  expect(await faultsAfterAll(gateway)).toEqual(soundBooks);
  expect(accounts.map(({ counters }) => counters.openStreams)).toEqual([0, 0, 0]);
  expect(gateway.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(gateway.sandbox.violations).toEqual([]);
}, 60_000);
