/** Conversations stay with their account by preference, and turn state belongs to the account that issued it. */
import { describe, expect, it } from 'vitest';
import { routing } from '../../server/contract/pools.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import { householdForFile } from '../support/household.ts';

const house = householdForFile();
const { ask, threadAt } = house;

describe('a conversation', () => {
  it('stays with the account that served it', async () => {
    for (const name of ['anna', 'ben']) {
      const thread = await threadAt(name);
      for (let turn = 0; turn < 5; turn += 1) expect((await ask({ thread })).servedBy).toBe(name);
    }
  });

  it('is known by any of its names, as long as one is the same', async () => {
    const thread = await threadAt('anna');
    house.anna.answers({ behaviour: 'F4', kind: 'server_error' });
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
    const root = await threadAt('anna');
    const subAgent = { thread: root, headers: { 'thread-id': `${root}-sub` } };
    expect((await ask(subAgent)).servedBy).toBe('anna');
    house.anna.answers({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask(subAgent)).servedBy).toBe('ben');
    house.installation.clock.advance(61_000);
    // Nor does a further one, which has nothing but the root's name to go by.
    expect((await ask({ thread: root, headers: { 'thread-id': `${root}-other` } })).servedBy).toBe('anna');
    expect([(await ask({ thread: root })).servedBy, (await ask(subAgent)).servedBy]).toEqual(['anna', 'ben']);
  });

  it('that begins with two requests at once begins with one account, whatever the strategy would say', async () => {
    await house.gateway.call(routing.change, { pool: 'default', changes: { strategy: 'least_recent_success' } });
    for (let round = 0; round < 4; round += 1) {
      const thread = `twins-${round}`;
      for (const each of [house.anna, house.ben]) each.answers({ behaviour: 'F8', at: 'start' });
      const leaving = new AbortController();
      const arrived = house.installation.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      const first = askCodex(house.gateway, house.key, { thread, signal: leaving.signal }).catch(() => undefined);
      const { account } = await arrived;
      // The other account has served least recently now, and the first request is still without an answer.
      for (const each of [house.anna, house.ben]) each.forgetScript();
      await threadAt(account ?? '');
      expect((await ask({ thread })).servedBy).toBe(account);
      leaving.abort();
      await first;
    }
    await house.gateway.call(routing.change, { pool: 'default', changes: { strategy: 'bridge_ring' } });
  });

  it('is with its account after a restart, and in another gateway that ran all along', async () => {
    const before = await house.installation.open();
    const thread = await threadAt('anna', before);
    house.anna.answers({ behaviour: 'F4', kind: 'server_error' });
    // Moved, so that only what is stored leads to ben.
    expect((await ask({ through: before, thread })).servedBy).toBe('ben');
    await before.stop();
    house.installation.clock.advance(61_000);
    const after = await house.installation.open();
    for (const through of [house.gateway, after]) expect((await ask({ through, thread })).servedBy).toBe('ben');
    await after.stop();
  });

  it('moves when its account is used up, stays where it went, and the account serves others after its reset', async () => {
    const thread = await threadAt('anna');
    house.anna.fails(429, { resetsInSeconds: 600 });
    const moved = await ask({ thread });
    expect(moved.arrived.map(({ account }) => account)).toEqual(['anna', 'ben']);
    expect(typesOf(moved.text)).toEqual(typesOf((await ask({ thread })).text));
    expect((await ask({ thread })).arrived.map(({ account }) => account)).toEqual(['ben']);
    house.installation.clock.advance(601_000);
    expect((await ask({ thread })).servedBy).toBe('ben');
    await threadAt('anna');
  });

  it('is forgotten after the time that settings say', async () => {
    await house.gateway.change({ 'routing.thread_affinity_ms': 60_000 });
    const before = await ask({ thread: 'forgotten' });
    const other = before.servedBy === 'anna' ? 'ben' : 'anna';
    house.installation.sandbox.account(before.servedBy ?? '').answers({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask({ thread: 'forgotten' })).servedBy).toBe(other);
    house.installation.clock.advance(30_000);
    expect((await ask({ thread: 'forgotten' })).servedBy).toBe(other);
    house.installation.clock.advance(61_000);
    expect((await ask({ thread: 'forgotten' })).servedBy).toBe(before.servedBy);
    await house.gateway.change({ 'routing.thread_affinity_ms': 3_600_000 });
  });

  it('of one key cannot be steered by another key that knows its names', async () => {
    const stranger = await house.gateway.key({ name: 'stranger' });
    const thread = await threadAt('anna');
    // The stranger's conversation of the same name is led to ben and kept there.
    house.anna.always({ behaviour: 'F4', kind: 'server_error' });
    expect((await ask({ thread, key: stranger })).servedBy).toBe('ben');
    house.anna.forgetScript();
    house.installation.clock.advance(600_000);
    expect((await ask({ thread })).servedBy).toBe('anna');
    expect((await ask({ thread, key: stranger })).servedBy).toBe('ben');
  });
});

describe('turn state', () => {
  it('comes back to the account that issued it', async () => {
    const thread = await threadAt('anna');
    const first = await ask({ thread });
    const turnState = first.answer.headers.get('x-codex-turn-state') ?? '';
    expect(turnState).not.toBe('');
    const second = await ask({ thread, headers: { 'x-codex-turn-state': turnState } });
    expect(second.arrived).toEqual([{ account: 'anna', turnState }]);
  });

  it('is not shown to the account that takes over, whose own comes back instead', async () => {
    const thread = await threadAt('anna');
    const turnState = (await ask({ thread })).answer.headers.get('x-codex-turn-state') ?? '';
    house.anna.answers({ behaviour: 'F4', kind: 'server_error' });
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

it('the provider saw nothing that belongs to another account', () => {
  expect(house.installation.sandbox.violations).toEqual([]);
});
