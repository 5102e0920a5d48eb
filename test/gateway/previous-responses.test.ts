/** An answer that is gone on from is known to its account alone, whoever names it and however. */
import { describe, expect, it } from 'vitest';
import { memberships } from '../../server/contract/memberships.ts';
import { codexBody, eventsOf } from '../support/codex-request.ts';
import { householdForFile } from '../support/household.ts';
import { threadOf } from '../support/thread-of.ts';

const hourMs = 3_600_000;

const house = householdForFile();
const { ask, threadAt } = house;

describe('an answer that is gone on from', () => {
  const responseIdOf = (text: string) =>
    String((eventsOf(text).at(-1)?.['response'] as Record<string, unknown> | undefined)?.['id']);
  /** Through the header, because the provider takes the field over websocket only. */
  const after = (responseId: string) => ({ 'x-codex-previous-response-id': responseId });

  async function answerOf(name: string): Promise<string> {
    const thread = await threadAt(name);
    return responseIdOf((await ask({ thread })).text);
  }

  it('is gone on from at its account only, by header and by field, and the header stays here', async () => {
    const id = await answerOf('anna');
    const thread = await threadAt('ben');
    expect((await ask({ thread, headers: after(id) })).arrived.map(({ account }) => account)).toEqual(['anna']);
    const seen = house.installation.sandbox.requests.at(-1);
    expect(seen?.header('x-codex-previous-response-id')).toBeUndefined();
    const other = await threadAt('ben');
    const body = JSON.stringify({ ...(JSON.parse(codexBody({ thread: other })) as object), previous_response_id: id });
    expect((await ask({ thread: other, body })).arrived.map(({ account }) => account)).toEqual(['anna']);
  });

  it('is refused with the way out when its account is away, and waits where that ends soon', async () => {
    const id = await answerOf('anna');
    await house.gateway.call(memberships.leave, { account: 'anna', pool: 'default' });
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
    await house.gateway.call(memberships.join, { account: 'anna', pool: 'default' });
    expect((await ask({ headers: after(id) })).servedBy).toBe('anna');
    house.anna.fails(429, { kind: 'rate_limit_exceeded', retryAfter: 20 });
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
    house.anna.fails(429, { resetsInSeconds: 600 });
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
    const thread = await threadAt('anna');
    const headers = after('resp_of_nobody');
    expect((await ask({ thread, headers })).servedBy).toBe('anna');
    const other = await threadAt('ben');
    expect((await ask({ thread: other, headers })).servedBy).toBe('ben');
  });

  it('of one key means nothing to another', async () => {
    const id = await answerOf('anna');
    const stranger = await house.gateway.key({ name: 'guesser' });
    const thread = await threadOf(house.gateway, stranger, 'ben');
    expect((await ask({ thread, key: stranger, headers: after(id) })).servedBy).toBe('ben');
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
    const before = await house.installation.open();
    const made = await threadAt('anna', before);
    const id = responseIdOf((await ask({ through: before, thread: made })).text);
    await before.stop();
    const next = await house.installation.open();
    const goOn = async () => {
      const thread = await threadAt('ben', next);
      return (await ask({ through: next, thread, headers: after(id) })).servedBy;
    };
    expect(await goOn()).toBe('anna');
    house.installation.clock.advance(20 * hourMs);
    expect(await goOn()).toBe('anna');
    house.installation.clock.advance(20 * hourMs);
    expect(await goOn()).toBe('anna');
    house.installation.clock.advance(24 * hourMs);
    expect(await goOn()).toBe('ben');
    await next.stop();
  });
});

it('the provider saw nothing that belongs to another account', () => {
  expect(house.installation.sandbox.violations).toEqual([]);
});
