/** A compaction can be read by its maker alone: the conversation goes there or is refused with the way out. */
import { describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { eventsOf } from '../support/codex-request.ts';
import { householdForFile } from '../support/household.ts';
import { openCodex, requestIdOf } from '../support/raw-codex.ts';

const house = householdForFile();
const { ask, threadAt } = house;

describe('a compaction', () => {
  const body = (...input: unknown[]) =>
    JSON.stringify({ model: 'gpt-5.5', stream: true, store: false, tools: [], input });
  const message = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'go on' }] };
  const itemIn = (text: string) =>
    eventsOf(text).find(({ type }) => type === 'response.output_item.done')?.['item'] as Record<string, unknown>;
  const holdersOf = (item: Record<string, unknown>) => [
    ...new Set(
      house.installation.sandbox.requests
        .filter((request) => request.body.includes(String(item['encrypted_content'])))
        .map(({ account }) => account),
    ),
  ];

  async function compactionBy(name: string) {
    const thread = await threadAt(name);
    const made = await ask({ thread, body: body(message, { type: 'compaction_trigger' }) });
    expect(made.servedBy).toBe(name);
    return itemIn(made.text);
  }

  it('made in the old way, by a call of its own, is kept to its maker as well', async () => {
    const thread = await threadAt('anna');
    const answer = await openCodex(house.gateway, house.key, {
      thread,
      path: '/backend-api/codex/responses/compact',
      body: '{"model":"gpt-5.5","input":[],"instructions":"","tools":[]}',
    }).answer;
    const { output } = JSON.parse(answer.body.toString('utf8')) as { output: Record<string, unknown>[] };
    const item = output.find(({ type }) => String(type).startsWith('compaction')) ?? {};
    const benThread = await threadAt('ben');
    const next = await ask({ thread: benThread, body: body(item, message) });
    expect([next.servedBy, next.answer.status]).toEqual(['anna', 200]);
    expect(requestIdOf(answer)).not.toBe('undefined');
  });

  it('of one account and then of the other leads to the maker of the newest', async () => {
    const old = await compactionBy('anna');
    const newest = await compactionBy('ben');
    const thread = await threadAt('anna');
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
    const second = await house.installation.open();
    const thread = await threadAt('anna', second);
    expect((await ask({ through: second, thread, body: body(item, message) })).servedBy).toBe('ben');
    expect(holdersOf(item)).toEqual(['ben']);
    await second.stop();
  });

  it('whose maker is signed out asks for the sign-in, after a restart too, and goes on when it is there', async () => {
    const item = await compactionBy('anna');
    house.anna.expireAccessTokens();
    house.anna.answers({ behaviour: 'A3', kind: 'reused' });
    // The request that finds out, and those that know.
    const finding = await ask({ thread: 'signed-out', body: body(item, message) });
    expect(finding.answer.status).toBe(503);
    const restarted = await house.installation.open();
    for (const through of [house.gateway, restarted]) {
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
    await house.gateway.call(accounts.import, { authJson: house.anna.authJson(), pool: 'default' });
    house.installation.clock.advance(60_000);
    expect((await ask({ thread: 'signed-out', body: body(item, message) })).servedBy).toBe('anna');
    await restarted.stop();
  });

  it('whose maker was removed says so instead of going elsewhere', async () => {
    const carl = await house.gateway.link('carl', { percentPerAnswer: 0 });
    const item = await compactionBy('carl');
    await house.gateway.call(accounts.remove, { account: 'carl' });
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

it('the provider saw nothing that belongs to another account', () => {
  expect(house.installation.sandbox.violations).toEqual([]);
});
