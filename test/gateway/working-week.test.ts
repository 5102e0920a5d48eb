/**
 * A working week of four conversations over three accounts, on a clock that is set forward by hand. The provider knows
 * at every request which accounts would serve it; no request may fail while there is one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { askCodex } from '../support/codex-request.ts';
import { gatewayUnderTest, type GatewayUnderTest } from '../support/gateway-under-test.ts';

const minute = 60_000;
const hour = 60 * minute;

interface Member {
  readonly account: SandboxAccount;
  /** What keeps the provider from serving it, beside its windows. */
  trouble: 'none' | 'signed_out' | 'rate_limited';
}

let gateway: GatewayUnderTest;
let key: string;
const members = new Map<string, Member>();

beforeAll(async () => {
  gateway = await gatewayUnderTest({ env: { OBAN_MODE: 'all' } });
  for (const [name, weekly] of [
    ['anna', 20],
    ['ben', 94],
    ['carol', 0],
  ] as const) {
    const account = await gateway.link(name, {
      percentPerAnswer: 3,
      models: ['gpt-5.5'],
      windows: [{ minutes: 300 }, { minutes: 10_080, usedPercent: weekly, resetsInSeconds: (3 * 24 * hour) / 1000 }],
    });
    members.set(name, { account, trouble: 'none' });
  }
  key = await gateway.key();
});
afterAll(() => gateway.stop());

function member(name: string): Member {
  const found = members.get(name);
  if (!found) throw new Error(`nobody is called ${name}`);
  return found;
}

/** Would the provider serve a request of this account now? */
function wouldServe({ account, trouble }: Member): boolean {
  return trouble === 'none' && account.quota.exhaustedUntil() === undefined;
}

const tally = { served: 0, refusedRightly: 0, failed: [] as string[] };

/** One turn of a conversation, compared with what the provider could have done. */
async function turn(thread: string, when: string): Promise<void> {
  const able = [...members].filter(([, each]) => wouldServe(each)).map(([name]) => name);
  const answer = await askCodex(gateway, key, { model: 'gpt-5.5', thread });
  const text = await answer.text();
  const isServed = answer.status === 200 && text.includes('response.completed');
  if (isServed) tally.served += 1;
  else if (able.length === 0) tally.refusedRightly += 1;
  else tally.failed.push(`${when} ${thread}: ${answer.status} ${text.slice(0, 200)} although ${able.join(', ')} could`);
}

/** Eight hours of work: each conversation asks every quarter of an hour, and what is planned happens at its hour. */
async function workday(day: string, events: Readonly<Record<number, () => unknown>> = {}): Promise<void> {
  for (let step = 0; step < 32; step += 1) {
    if (step % 4 === 0) await events[step / 4]?.();
    for (const thread of ['parser', 'docs', 'bench', 'review']) await turn(thread, `${day} ${9 + step / 4} h`);
    gateway.clock.advance(15 * minute);
  }
}

/** The machine sleeps from evening to morning, over every five-hour reset: nothing runs, and the wall clock has moved. */
function night(): void {
  gateway.clock.jumpWall(16 * hour);
}

describe('a working week', () => {
  it('serves every request that any account could have served', async () => {
    const { sandbox } = gateway;
    await workday('Monday');
    night();

    await workday('Tuesday', {
      2: () => {
        member('carol').trouble = 'signed_out';
        member('carol').account.invalidateAccessTokens();
        member('carol').account.answers({ behaviour: 'A3', kind: 'invalidated' });
      },
    });
    night();

    await workday('Wednesday', {
      1: () => {
        member('anna').trouble = 'rate_limited';
        member('anna').account.always({
          behaviour: 'F3',
          kind: 'rate_limit_exceeded',
          headers: { 'retry-after': '120' },
        });
      },
      // Two hours later the last wait it asked for is long over.
      3: () => {
        member('anna').trouble = 'none';
        member('anna').account.forgetScript();
        gateway.clock.advance(5 * minute);
      },
    });
    night();

    await workday('Thursday', {
      1: async () => {
        const { account } = member('carol');
        account.forgetScript();
        await gateway.call(accounts.import, { authJson: account.authJson(), pool: 'default', label: 'carol' });
        member('carol').trouble = 'none';
      },
    });
    night();
    await workday('Friday');

    expect(tally.failed).toEqual([]);
    // The week is hard enough to mean something: most is served, and some could not be.
    expect(tally.served).toBeGreaterThan(450);
    expect(tally.refusedRightly).toBeGreaterThan(20);
    expect(sandbox.violations).toEqual([]);
    expect([...members.values()].every(({ account }) => account.counters.requests > 50)).toBe(true);
  }, 120_000);
});
