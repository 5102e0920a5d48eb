import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exclusionReasons, type ExclusionReason } from '../../contract/vocabulary.ts';
import type { Exclusion } from '../../routing/eligibility.ts';
import { renderCodexError } from '../dialects/codex/render-error.ts';
import { faults, type Fault, type FaultKind } from '../attempt/faults.ts';
import { refusalOf, type RefusalFacts } from './refusal.ts';

const now = new Date('2026-11-23T12:00:00Z');
const inMinutes = (minutes: number) => new Date(now.getTime() + minutes * 60_000);

describe('when every account has used up its limit', () => {
  it('says so with the earliest reset', () => {
    const refusal = refusalOf(
      facts({ exclusions: [excluded('usage_limit_reached', 90), excluded('usage_limit_reached', 30)] }),
    );
    expect(refusal).toMatchObject({ code: 'usage_limit_reached', resetsAt: inMinutes(30) });
    expect(renderCodexError(refusal)).toMatchObject({
      status: 429,
      body: { error: { type: 'usage_limit_reached', plan_type: null, resets_at: inMinutes(30).getTime() / 1000 } },
    });
  });

  it('says so as well when the last one found it out by being asked', () => {
    const refusal = refusalOf(
      facts({ exclusions: [excluded('usage_limit_reached', 30)], faults: [fault('usage_exhausted')] }),
    );
    expect(refusal.code).toBe('usage_limit_reached');
  });

  it('says so beside accounts that only a person can bring back', () => {
    const refusal = refusalOf(
      facts({ exclusions: [excluded('account_signed_out'), excluded('usage_limit_reached', 30)] }),
    );
    expect(refusal).toMatchObject({ code: 'usage_limit_reached', resetsAt: inMinutes(30) });
  });
});

describe('when an account will be back in a moment', () => {
  it.each(['cooling_down', 'edge_back_off', 'account_token_expired'] as const)(
    'asks for a short wait although others are used up (%s)',
    (reason) => {
      const refusal = refusalOf(facts({ exclusions: [excluded('usage_limit_reached', 90), excluded(reason, 0.2)] }));
      expect(refusal).toMatchObject({ code: 'no_eligible_backend', retryAfterMs: 12_000 });
      expect(renderCodexError(refusal)).toMatchObject({ status: 503, headers: { 'retry-after': '12' } });
    },
  );

  it('never asks for less than a second or more than a minute', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc
            .tuple(fc.constantFrom(...reasons), fc.option(fc.integer({ min: -600, max: 600 })))
            .map(([reason, at]) => excluded(reason, at ?? undefined)),
        ),
        fc.array(
          fc.constantFrom(...kinds).map((kind) => fault(kind)),
          { maxLength: 3 },
        ),
        fc.boolean(),
        (exclusions, ofAttempts, isPinned) => {
          const pinnedTo = isPinned ? (exclusions[0]?.accountId ?? 'gone') : null;
          const { retryAfterMs } = refusalOf(
            facts({ exclusions, faults: ofAttempts, continuation: pinnedTo === null ? null : pin(pinnedTo) }),
          );
          if (retryAfterMs !== undefined) {
            expect(retryAfterMs).toBeGreaterThanOrEqual(1_000);
            expect(retryAfterMs).toBeLessThanOrEqual(60_000);
          }
        },
      ),
    );
  });
});

describe('when attempts were made and failed', () => {
  it.each([
    ['connect_failed', 'upstream_request_failed', 502],
    ['connection_lost', 'upstream_request_failed', 502],
    ['answer_timeout', 'upstream_timeout', 504],
    ['edge_blocked', 'upstream_blocked_at_edge', 503],
    ['token_rejected', 'no_eligible_backend', 503],
    ['account_dead', 'no_eligible_backend', 503],
    ['rate_limited', 'no_eligible_backend', 503],
    ['model_overloaded', 'server_is_overloaded', 503],
    ['provider_failed', 'upstream_error', 502],
  ] as const)('%s is answered %s with a wait', (kind, code, status) => {
    const refusal = refusalOf(facts({ faults: [fault(kind)] }));
    expect(refusal.code).toBe(code);
    expect(renderCodexError(refusal).status).toBe(status);
    expect(refusal.retryAfterMs).toBeGreaterThanOrEqual(1_000);
  });

  it("repeats the provider's words of a refusal by policy, cut to a sentence or two", () => {
    const body = Buffer.from(JSON.stringify({ error: { message: `Not here. ${'x'.repeat(2_000)}` } }));
    const refusal = refusalOf(
      facts({ faults: [{ ...fault('policy_refused'), answer: { status: 403, headers: new Map(), body } }] }),
    );
    expect(renderCodexError(refusal).status).toBe(400);
    expect(refusal.sentence).toContain('It said: Not here.');
    expect(refusal.sentence.length).toBeLessThan(700);
    expect(refusal.retryAfterMs).toBeUndefined();
  });

  it('says that trying again may help when one account only had a passing trouble, whichever was asked first', () => {
    const exclusions = [excluded('already_tried'), excluded('usage_limit_reached', 30)];
    for (const order of [
      ['connection_lost', 'usage_exhausted'],
      ['usage_exhausted', 'connection_lost'],
    ] as const) {
      const refusal = refusalOf(facts({ exclusions, faults: order.map((kind) => fault(kind)) }));
      expect(refusal.code).toBe('upstream_request_failed');
      expect(refusal.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    }
  });

  it('says that the limit is used up when the other account cannot help at all', () => {
    const exclusions = [excluded('already_tried'), excluded('usage_limit_reached', 30)];
    const refusal = refusalOf(facts({ exclusions, faults: [fault('account_dead'), fault('usage_exhausted')] }));
    expect(refusal).toMatchObject({ code: 'usage_limit_reached', resetsAt: inMinutes(30) });
  });

  it("takes the provider's wait", () => {
    expect(refusalOf(facts({ faults: [{ ...fault('rate_limited'), retryAfterMs: 9_000 }] })).retryAfterMs).toBe(9_000);
  });
});

describe('when the conversation is pinned', () => {
  it('says which conversation cannot go on, and that a new one can', () => {
    const exclusions = [excluded('pinned_elsewhere'), { ...excluded('account_paused'), accountId: 'owner' }];
    expect(refusalOf(facts({ exclusions, continuation: pin('owner') })).code).toBe('pinned_continuation_unavailable');
  });

  it('says that its account must be signed in again when that is why', () => {
    const exclusions = [excluded('pinned_elsewhere'), { ...excluded('account_signed_out'), accountId: 'owner' }];
    expect(refusalOf(facts({ exclusions, continuation: pin('owner') })).code).toBe(
      'pinned_continuation_reauth_required',
    );
  });

  it('says when the limit of its account resets', () => {
    const exclusions = [excluded('pinned_elsewhere'), { ...excluded('usage_limit_reached', 30), accountId: 'owner' }];
    expect(refusalOf(facts({ exclusions, continuation: pin('owner') }))).toMatchObject({
      code: 'usage_limit_reached',
      resetsAt: inMinutes(30),
    });
  });

  it('asks for a wait when its account is only cooling down, and says that this conversation waits', () => {
    const exclusions = [excluded('pinned_elsewhere'), { ...excluded('cooling_down', 0.1), accountId: 'owner' }];
    expect(refusalOf(facts({ exclusions, continuation: pin('owner') }))).toMatchObject({
      code: 'pinned_continuation_unavailable',
      retryAfterMs: 6_000,
      detail: 'The account was asked to slow down.',
    });
  });

  it('tells its account apart from one that is gone', () => {
    const refusal = refusalOf(facts({ exclusions: [excluded('pinned_elsewhere')], continuation: pin('owner') }));
    expect(refusal).toMatchObject({ code: 'pinned_continuation_unavailable', continuity: { reason: 'account_gone' } });
  });

  it.each([
    ['token_signed_out', 'pinned_continuation_reauth_required'],
    ['token_failed_for_now', 'pinned_continuation_unavailable'],
  ])('says so in the request that finds out (%s)', (code, expected) => {
    const refusal = refusalOf(facts({ faults: [{ ...fault('token_rejected'), code }], continuation: pin('owner') }));
    expect(refusal).toMatchObject({ code: expected, continuity: { pinnedBy: 'compaction', reason: code } });
  });

  it('leaves the word to an attempt that failed for another reason', () => {
    const refusal = refusalOf(facts({ faults: [fault('provider_failed')], continuation: pin('owner') }));
    expect(refusal).toMatchObject({ code: 'upstream_error', continuity: undefined });
  });
});

describe('when nothing could be asked', () => {
  it('says that the Pool has no accounts', () => {
    const refusal = refusalOf(facts({}));
    expect(refusal.code).toBe('pool_has_no_accounts');
    expect(refusal.sentence).toContain('no accounts yet');
  });

  it('says that nobody offers the model, naming the field', () => {
    const exclusions = [excluded('model_not_offered'), excluded('model_not_offered')];
    expect(refusalOf(facts({ exclusions }))).toMatchObject({ code: 'invalid_model', param: 'model' });
  });

  it('counts the reasons in plain words, without any name', () => {
    const exclusions = [excluded('account_signed_out'), excluded('account_paused'), excluded('account_signed_out')];
    expect(refusalOf(facts({ exclusions })).detail).toBe('3 accounts: 2 must be signed in again, 1 is paused.');
    expect(refusalOf(facts({ exclusions: exclusions.slice(0, 1) })).detail).toBe(
      '1 account: 1 must be signed in again.',
    );
  });

  it.each([
    ['usage_limit_reached', '2 accounts: 2 have used up their limit.'],
    ['account_paused', '2 accounts: 2 are paused.'],
    ['tier_not_offered', '2 accounts: 2 do not offer the service tier for the model.'],
    ['cooling_down', '2 accounts: 2 were asked to slow down.'],
    ['circuit_open', '2 accounts: 2 failed several times and are left alone for a moment.'],
  ] as const)('says of several that are out for %s "%s"', (reason, expected) => {
    expect(refusalOf(facts({ exclusions: [excluded(reason), excluded(reason)] })).detail).toBe(expected);
  });

  it('never names an account', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...reasons), { minLength: 1 }), (found) => {
        const exclusions = found.map((reason) => ({ ...excluded(reason, 5), accountId: 'canary-account' }));
        expect(refusalOf(facts({ exclusions })).sentence).not.toContain('canary');
      }),
    );
  });
});

const reasons = Object.keys(exclusionReasons) as ExclusionReason[];
const kinds = Object.keys(faults) as FaultKind[];

function facts(overrides: Partial<RefusalFacts>): RefusalFacts {
  return { exclusions: [], faults: [], continuation: null, now, ...overrides };
}

function pin(accountId: string): RefusalFacts['continuation'] {
  return { pinnedTo: accountId, why: 'compaction' };
}

function excluded(reason: ExclusionReason, minutes?: number): Exclusion {
  return { accountId: `account-of-${reason}`, reason, until: minutes === undefined ? null : inMinutes(minutes) };
}

function fault(kind: FaultKind): Fault {
  return { kind, upstreamStatus: null, code: kind, retryAfterMs: null, answer: null };
}
