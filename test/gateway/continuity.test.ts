/** What belongs to one account stays with it: conversations by preference, turn state and compactions always. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { memberships } from '../../server/contract/memberships.ts';
import { routing } from '../../server/contract/pools.ts';
import { askCodex, codexBody, eventsOf, typesOf, type CodexAsk } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';
import { openCodex, requestIdOf } from '../support/raw-codex.ts';
import { threadOf } from '../support/thread-of.ts';

const hourMs = 3_600_000;

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let ben: typeof anna;

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  ben = await gateway.link('ben', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());
beforeEach(() => {
  for (const account of [anna, ben]) account.forgetScript();
  // Whatever an account was left alone for in another test is over.
  installation.clock.advance(3_600_000);
});

/** Who served, what arrived there, and what came back. */
async function ask(options: CodexAsk & { through?: GatewayUnderTest; as?: string } = {}) {
  const { through = gateway, as = key, ...codex } = options;
  const arrived: { account: string | undefined; turnState: string | undefined }[] = [];
  const from = installation.sandbox.requests.length;
  const answer = await askCodex(through, as, codex);
  const text = await answer.text();
  for (const request of installation.sandbox.requests.slice(from))
    if (request.path === '/backend-api/codex/responses')
      arrived.push({ account: request.account, turnState: request.header('x-codex-turn-state') });
  return { answer, text, arrived, servedBy: arrived.at(-1)?.account };
}

describe('a conversation', () => {
  it('stays with the account that served it', async () => {
    for (const name of ['anna', 'ben']) {
      const thread = await threadOf(gateway, key, name);
      for (let turn = 0; turn < 5; turn += 1) expect((await ask({ thread })).servedBy).toBe(name);
    }
  });

  it('is known by any of its names, as long as one is the same', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    // Moved, so that no chance but only memory leads to ben.
    expect((await ask({ thread })).servedBy).toBe('ben');
    const unnamed = { 'session-id': '', 'thread-id': '' };
    const names = [
      { 'session-id': thread, 'thread-id': 'a sub-agent' },
      { ...unnamed, 'thread-id': thread },
      { ...unnamed, 'x-codex-window-id': `${thread}:4` },
      { ...unnamed, 'x-session-affinity': thread },
    ];
    for (const headers of names) expect((await ask({ thread: 'unrelated', headers })).servedBy).toBe('ben');
  });

  it('does not follow a sub-agent that had to move', async () => {
    const root = await threadOf(gateway, key, 'anna');
    const subAgent = { thread: root, headers: { 'thread-id': `${root}-sub` } };
    expect((await ask(subAgent)).servedBy).toBe('anna');
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask(subAgent)).servedBy).toBe('ben');
    installation.clock.advance(61_000);
    expect([(await ask({ thread: root })).servedBy, (await ask(subAgent)).servedBy]).toEqual(['anna', 'ben']);
  });

  it('that begins with two requests at once begins with one account, whatever the strategy would say', async () => {
    await gateway.call(routing.change, { pool: 'default', changes: { strategy: 'least_recent_success' } });
    for (let round = 0; round < 4; round += 1) {
      const thread = `twins-${round}`;
      for (const each of [anna, ben]) each.answers({ behaviour: 'F8', at: 'start' });
      const leaving = new AbortController();
      const arrived = installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      const first = askCodex(gateway, key, { thread, signal: leaving.signal }).catch(() => undefined);
      const { account } = await arrived;
      // The other account has served least recently now, and the first request is still without an answer.
      for (const each of [anna, ben]) each.forgetScript();
      await threadOf(gateway, key, account ?? '');
      expect((await ask({ thread })).servedBy).toBe(account);
      leaving.abort();
      await first;
    }
    await gateway.call(routing.change, { pool: 'default', changes: { strategy: 'bridge_ring' } });
  });

  it('is with its account after a restart, and in another gateway that ran all along', async () => {
    const before = await installation.open();
    const thread = await threadOf(before, key, 'anna');
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    // Moved, so that only what is stored leads to ben.
    expect((await ask({ through: before, thread })).servedBy).toBe('ben');
    await before.stop();
    installation.clock.advance(61_000);
    const after = await installation.open();
    for (const through of [gateway, after]) expect((await ask({ through, thread })).servedBy).toBe('ben');
    await after.stop();
  });

  it('moves when its account is used up, stays where it went, and the account serves others after its reset', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    anna.fails(429, { resetsInSeconds: 600 });
    const moved = await ask({ thread });
    expect(moved.arrived.map(({ account }) => account)).toEqual(['anna', 'ben']);
    expect(typesOf(moved.text)).toEqual(typesOf((await ask({ thread })).text));
    expect((await ask({ thread })).arrived.map(({ account }) => account)).toEqual(['ben']);
    installation.clock.advance(601_000);
    expect((await ask({ thread })).servedBy).toBe('ben');
    await threadOf(gateway, key, 'anna');
  });

  it('is forgotten after the time that settings say', async () => {
    await gateway.change({ 'routing.thread_affinity_ms': 60_000 });
    const before = await ask({ thread: 'forgotten' });
    const other = before.servedBy === 'anna' ? 'ben' : 'anna';
    installation.sandbox.account(before.servedBy ?? '').answers({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask({ thread: 'forgotten' })).servedBy).toBe(other);
    installation.clock.advance(30_000);
    expect((await ask({ thread: 'forgotten' })).servedBy).toBe(other);
    installation.clock.advance(61_000);
    expect((await ask({ thread: 'forgotten' })).servedBy).toBe(before.servedBy);
    await gateway.change({ 'routing.thread_affinity_ms': 3_600_000 });
  });

  it('of one key cannot be steered by another key that knows its names', async () => {
    const stranger = await gateway.key({ name: 'stranger' });
    const thread = await threadOf(gateway, key, 'anna');
    // The stranger's conversation of the same name is led to ben and kept there.
    anna.always({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask({ thread, as: stranger })).servedBy).toBe('ben');
    anna.forgetScript();
    installation.clock.advance(600_000);
    expect((await ask({ thread })).servedBy).toBe('anna');
    expect((await ask({ thread, as: stranger })).servedBy).toBe('ben');
  });
});

describe('turn state', () => {
  it('comes back to the account that issued it', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    const first = await ask({ thread });
    const turnState = first.answer.headers.get('x-codex-turn-state') ?? '';
    expect(turnState).not.toBe('');
    const second = await ask({ thread, headers: { 'x-codex-turn-state': turnState } });
    expect(second.arrived).toEqual([{ account: 'anna', turnState }]);
  });

  it('is not shown to the account that takes over, whose own comes back instead', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    const turnState = (await ask({ thread })).answer.headers.get('x-codex-turn-state') ?? '';
    anna.answers({ behaviour: 'F4', kind: 'server_error' });
    const moved = await ask({ thread, headers: { 'x-codex-turn-state': turnState } });
    expect(moved.arrived).toEqual([
      { account: 'anna', turnState },
      { account: 'ben', turnState: undefined },
    ]);
    const next = moved.answer.headers.get('x-codex-turn-state') ?? '';
    expect(next).not.toBe(turnState);
    const following = await ask({ thread, headers: { 'x-codex-turn-state': next } });
    expect(following.arrived).toEqual([{ account: 'ben', turnState: next }]);
  });

  it('that nobody here issued goes nowhere', async () => {
    const { arrived } = await ask({ headers: { 'x-codex-turn-state': 'ts.from.elsewhere' } });
    expect(arrived.map(({ turnState }) => turnState)).toEqual([undefined]);
  });
});

describe('a compaction', () => {
  const body = (...input: unknown[]) =>
    JSON.stringify({ model: 'gpt-5.5', stream: true, store: false, tools: [], input });
  const message = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'go on' }] };
  const itemIn = (text: string) =>
    eventsOf(text).find(({ type }) => type === 'response.output_item.done')?.['item'] as Record<string, unknown>;
  const holdersOf = (item: Record<string, unknown>) => [
    ...new Set(
      installation.sandbox.requests
        .filter((request) => request.body.includes(String(item['encrypted_content'])))
        .map(({ account }) => account),
    ),
  ];

  async function compactionBy(name: string) {
    const thread = await threadOf(gateway, key, name);
    const made = await ask({ thread, body: body(message, { type: 'compaction_trigger' }) });
    expect(made.servedBy).toBe(name);
    return itemIn(made.text);
  }

  it('made in the old way, by a call of its own, is kept to its maker as well', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    const answer = await openCodex(gateway, key, {
      thread,
      path: '/backend-api/codex/responses/compact',
      body: '{"model":"gpt-5.5","input":[],"instructions":"","tools":[]}',
    }).answer;
    const { output } = JSON.parse(answer.body.toString('utf8')) as { output: Record<string, unknown>[] };
    const item = output.find(({ type }) => String(type).startsWith('compaction')) ?? {};
    const benThread = await threadOf(gateway, key, 'ben');
    const next = await ask({ thread: benThread, body: body(item, message) });
    expect([next.servedBy, next.answer.status]).toEqual(['anna', 200]);
    expect(requestIdOf(answer)).not.toBe('undefined');
  });

  it('of one account and then of the other leads to the maker of the newest', async () => {
    const old = await compactionBy('anna');
    const newest = await compactionBy('ben');
    const thread = await threadOf(gateway, key, 'anna');
    // The provider refuses the older one, which is the truth; it is not asked at another account again.
    expect((await ask({ thread, body: body(old, newest, message) })).arrived.map(({ account }) => account)).toEqual([
      'ben',
    ]);
  });

  it('that nobody here knows is sent on, and what the provider says of it is passed on without blame', async () => {
    const unknown = {
      type: 'compaction',
      id: 'cmp_1',
      encrypted_content: `gAAAA${Buffer.from('else|cmp_1|0').toString('base64')}`,
    };
    const { answer, text, arrived } = await ask({ thread: 'unknown', body: body(unknown, message) });
    expect(answer.status).toBe(400);
    expect(text).toContain('invalid_encrypted_content');
    expect(arrived).toHaveLength(1);
    expect((await ask({ thread: 'unknown' })).servedBy).toBe(arrived[0]?.account);
  });

  it('is told to another gateway on the same database, and to the next start', async () => {
    const item = await compactionBy('ben');
    const second = await installation.open();
    const thread = await threadOf(second, key, 'anna');
    expect((await ask({ through: second, thread, body: body(item, message) })).servedBy).toBe('ben');
    expect(holdersOf(item)).toEqual(['ben']);
    await second.stop();
  });

  it('whose maker is signed out asks for the sign-in, after a restart too, and goes on when it is there', async () => {
    const item = await compactionBy('anna');
    anna.expireAccessTokens();
    anna.answers({ behaviour: 'A3', kind: 'reused' });
    // The request that finds out, and those that know.
    const finding = await ask({ thread: 'signed-out', body: body(item, message) });
    expect(finding.answer.status).toBe(503);
    const restarted = await installation.open();
    for (const through of [gateway, restarted]) {
      const { answer, text, arrived } = await ask({ through, thread: 'signed-out', body: body(item, message) });
      expect(answer.status).toBe(503);
      expect(JSON.parse(text)).toMatchObject({
        error: {
          code: 'pinned_continuation_reauth_required',
          retryable: false,
          requires_new_upstream_session: true,
          recovery_kind: 'restart_with_full_context',
          recovery: {
            kind: 'restart_with_full_context',
            anchor_removal: { body: ['previous_response_id'], headers: expect.arrayContaining(['session-id']) as [] },
          },
          continuity_denial: { pinned_by: 'compaction', internal_reason: 'account_signed_out' },
        },
      });
      expect(answer.headers.get('x-codex-recovery-kind')).toBe('restart_with_full_context');
      expect(arrived).toEqual([]);
    }
    expect(holdersOf(item)).toEqual(['anna']);
    await gateway.call(accounts.import, { authJson: anna.authJson(), pool: 'default' });
    installation.clock.advance(60_000);
    expect((await ask({ thread: 'signed-out', body: body(item, message) })).servedBy).toBe('anna');
    await restarted.stop();
  });

  it('whose maker was removed says so instead of going elsewhere', async () => {
    const carl = await gateway.link('carl', { percentPerAnswer: 0 });
    const item = await compactionBy('carl');
    await gateway.call(accounts.remove, { account: 'carl' });
    const { answer, text, arrived } = await ask({ thread: 'removed', body: body(item, message) });
    expect(answer.status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({
      error: { code: 'pinned_continuation_unavailable', continuity_denial: { internal_reason: 'account_gone' } },
    });
    expect(arrived).toEqual([]);
    expect(holdersOf(item)).toEqual([]);
    expect(carl.counters.requests).toBeGreaterThan(0);
  });
});

describe('an answer that is gone on from', () => {
  const responseIdOf = (text: string) =>
    String((eventsOf(text).at(-1)?.['response'] as Record<string, unknown> | undefined)?.['id']);
  /** Through the header, because the provider takes the field over websocket only. */
  const after = (responseId: string) => ({ 'x-codex-previous-response-id': responseId });

  async function answerOf(name: string): Promise<string> {
    const thread = await threadOf(gateway, key, name);
    return responseIdOf((await ask({ thread })).text);
  }

  it('is gone on from at its account only, by header and by field, and the header stays here', async () => {
    const id = await answerOf('anna');
    const thread = await threadOf(gateway, key, 'ben');
    expect((await ask({ thread, headers: after(id) })).arrived.map(({ account }) => account)).toEqual(['anna']);
    const seen = installation.sandbox.requests.at(-1);
    expect(seen?.header('x-codex-previous-response-id')).toBeUndefined();
    const other = await threadOf(gateway, key, 'ben');
    const body = JSON.stringify({ ...(JSON.parse(codexBody({ thread: other })) as object), previous_response_id: id });
    expect((await ask({ thread: other, body })).arrived.map(({ account }) => account)).toEqual(['anna']);
  });

  it('is refused with the way out when its account is away, and waits where that ends soon', async () => {
    const id = await answerOf('anna');
    await gateway.call(memberships.leave, { account: 'anna', pool: 'default' });
    const { answer, text, arrived } = await ask({ headers: after(id) });
    expect([answer.status, arrived]).toEqual([503, []]);
    expect(answer.headers.get('x-codex-recovery-kind')).toBe('restart_with_full_context');
    expect(JSON.parse(text)).toMatchObject({
      error: {
        code: 'pinned_continuation_unavailable',
        retryable: false,
        continuity_denial: { pinned_by: 'previous_response', internal_reason: 'account_gone' },
      },
    });
    await gateway.call(memberships.join, { account: 'anna', pool: 'default' });
    expect((await ask({ headers: after(id) })).servedBy).toBe('anna');
    anna.fails(429, { kind: 'rate_limit_exceeded', retryAfter: 20 });
    await ask({ headers: after(id) });
    const cooling = await ask({ headers: after(id) });
    expect([cooling.answer.status, cooling.answer.headers.get('retry-after'), cooling.arrived]).toEqual([
      503,
      '20',
      [],
    ]);
    expect(JSON.parse(cooling.text)).toMatchObject({
      error: { retryable: true, continuity_denial: { internal_reason: 'cooling_down' } },
    });
  });

  it('says until when the limit of its account holds', async () => {
    const id = await answerOf('anna');
    anna.fails(429, { resetsInSeconds: 600 });
    const { answer, text, arrived } = await ask({ headers: after(id) });
    expect([answer.status, arrived.length]).toEqual([429, 1]);
    expect(answer.headers.get('x-codex-recovery-kind')).toBe('restart_with_full_context');
    expect(JSON.parse(text)).toMatchObject({
      error: {
        type: 'usage_limit_reached',
        resets_at: expect.any(Number) as number,
        recovery_kind: 'restart_with_full_context',
        continuity_denial: { internal_reason: 'usage_limit_reached' },
      },
    });
  });

  it('proves nothing when nobody here knows it, also once it was sent', async () => {
    const thread = await threadOf(gateway, key, 'anna');
    const headers = after('resp_of_nobody');
    expect((await ask({ thread, headers })).servedBy).toBe('anna');
    const other = await threadOf(gateway, key, 'ben');
    expect((await ask({ thread: other, headers })).servedBy).toBe('ben');
  });

  it('of one key means nothing to another', async () => {
    const id = await answerOf('anna');
    const stranger = await gateway.key({ name: 'guesser' });
    const thread = await threadOf(gateway, stranger, 'ben');
    expect((await ask({ thread, as: stranger, headers: after(id) })).servedBy).toBe('ben');
  });

  it('of two accounts at once goes nowhere', async () => {
    const [one, other] = [await answerOf('anna'), await answerOf('ben')];
    const body = JSON.stringify({ ...(JSON.parse(codexBody()) as object), previous_response_id: one });
    const { answer, text, arrived } = await ask({ body, headers: after(other) });
    expect([answer.status, arrived]).toEqual([503, []]);
    expect(JSON.parse(text)).toMatchObject({
      error: { continuity_denial: { internal_reason: 'state_of_two_accounts' } },
    });
  });

  it('is known after a restart, and forgotten a day after it was last used', async () => {
    const before = await installation.open();
    const made = await threadOf(before, key, 'anna');
    const id = responseIdOf((await ask({ through: before, thread: made })).text);
    await before.stop();
    const next = await installation.open();
    const goOn = async () => {
      const thread = await threadOf(next, key, 'ben');
      return (await ask({ through: next, thread, headers: after(id) })).servedBy;
    };
    expect(await goOn()).toBe('anna');
    installation.clock.advance(20 * hourMs);
    expect(await goOn()).toBe('anna');
    installation.clock.advance(20 * hourMs);
    expect(await goOn()).toBe('anna');
    installation.clock.advance(24 * hourMs);
    expect(await goOn()).toBe('ben');
    await next.stop();
  });
});

it('the provider saw nothing that belongs to another account', () => {
  expect(installation.sandbox.violations).toEqual([]);
});
