/** What the provider reported is what the ledger and the hourly sums say, per account, whatever its answers are like. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../server/sandbox/ids.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';
import { faultsInBooks, ledgerOf, settledRow, soundBooks } from '../support/ledger.ts';
import { threadOf } from '../support/thread-of.ts';

let gateway: GatewayUnderTest;
let key: string;
let linked: readonly (SandboxAccount & { gatewayId: string })[];

beforeAll(async () => {
  gateway = await gatewayUnderTest();
  linked = await Promise.all(['anna', 'ben'].map((name) => gateway.link(name, { percentPerAnswer: 0 })));
  key = await gateway.key();
});
afterAll(() => gateway.stop());

async function ask(thread: string) {
  const answer = await askCodex(gateway, key, { thread });
  const text = await answer.text();
  return { text, row: await settledRow(gateway, answer.headers.get('x-request-id')) };
}

const sums = async () => {
  const rows = await gateway.database.db.selectFrom('usageHours').selectAll().execute();
  return Object.fromEntries(
    linked.map(({ name, gatewayId }) => {
      const own = rows.filter(({ accountId }) => accountId === gatewayId);
      const sum = (read: (row: (typeof own)[number]) => number) => own.reduce((total, row) => total + read(row), 0);
      return [
        name,
        {
          input: sum((row) => row.inputTokens),
          cached: sum((row) => row.cachedTokens),
          output: sum((row) => row.outputTokens),
        },
      ];
    }),
  );
};

const reported = () =>
  Object.fromEntries(
    linked.map(({ name, counters }) => [
      name,
      { input: counters.inputTokens, cached: counters.cachedTokens, output: counters.outputTokens },
    ]),
  );

describe('an attempt that reports what it used and fails before anything is shown', () => {
  it('counts for its account, beside the answer of another', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    const [anna, ben] = linked;
    anna?.answers({
      behaviour: 'F6',
      code: 'server_error',
      usage: { inputTokens: 50, cachedTokens: 8, outputTokens: 2 },
    });
    const { text, row } = await ask(thread);
    expect(typesOf(text).at(-1)).toBe('response.completed');
    expect(row).toMatchObject({ status: 'succeeded', attemptCount: 2, accountId: ben?.gatewayId });
    expect(await ledgerOf(gateway.database.db, row.id)).toMatchObject([
      {
        event: 'attempt:1',
        requests: 0,
        accountId: anna?.gatewayId,
        inputTokens: 50,
        cachedTokens: 8,
        outputTokens: 2,
      },
      { event: 'release' },
      { event: 'reservation' },
      { event: 'settlement', requests: 1, accountId: ben?.gatewayId, usageStatus: 'usage_known' },
    ]);
    expect(await sums()).toEqual(reported());
  });

  it('counts once when nobody else can answer', async () => {
    const before = linked.map(({ counters }) => counters.usedTokens);
    for (const account of linked)
      account.answers({
        behaviour: 'F6',
        code: 'server_error',
        usage: { inputTokens: 9, cachedTokens: 0, outputTokens: 1 },
      });
    const { row } = await ask('nobody');
    expect(row).toMatchObject({ status: 'failed', usageStatus: 'usage_known' });
    expect(linked.map(({ counters }, index) => counters.usedTokens - (before[index] ?? 0))).toEqual([10, 10]);
    expect(await sums()).toEqual(reported());
  });
});

describe('a hundred requests of every kind', () => {
  it('count what was reported, and the books are sound', async () => {
    const random = createSeededRandom('tokens');
    const tokens = () => Math.floor(random.fraction() * 100_000);
    for (let turn = 0; turn < 100; turn += 1) {
      gateway.clock.advance(120_000);
      const usage = {
        inputTokens: 1_000 + tokens(),
        cachedTokens: 900,
        outputTokens: 500 + tokens(),
        reasoningTokens: 3,
      };
      const answers = [
        { behaviour: 'N1', text: 'one', usage },
        { behaviour: 'N3', deltas: 3, usage },
        { behaviour: 'N10', kind: 'usage_null' },
        { behaviour: 'N10', kind: 'usage_absent' },
        { behaviour: 'N14' },
        { behaviour: 'F6', code: 'server_error', usage },
        { behaviour: 'F6', code: 'server_error', deltas: 2, usage },
        { behaviour: 'F6', code: 'server_error' },
        { behaviour: 'F7', usage },
        { behaviour: 'F7' },
        { behaviour: 'F9', at: 'created' },
        { behaviour: 'F9', at: 'item_done' },
      ] as const;
      gateway.sandbox.answers(answers[Math.floor(random.fraction() * answers.length)]);
      await ask(`thread-${turn}`);
    }
    expect(await sums()).toEqual(reported());
    expect(await faultsInBooks(gateway.database.db)).toEqual(soundBooks);
  });
});
