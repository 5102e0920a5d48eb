import { describe, expect, it } from 'vitest';
import { beginning, makeAsk, makeAttempt, makeClient, makeExchange } from '../../../test/support/exchange.ts';
import { bundledPrices } from '../../catalog/prices.ts';
import type { Usage } from '../../usage/usage.ts';
import type { Attempt, Exchange, Outcome } from '../exchange.ts';
import { estimateOf, reservationOf, settlementOf } from './settle-exchange.ts';

const prices = bundledPrices();
const completedAt = new Date(beginning.getTime() + 4_000);
const usage: Usage = {
  inputTokens: 1_000,
  cachedTokens: 400,
  cacheWriteTokens: null,
  outputTokens: 10,
  reasoningTokens: 4,
  totalTokens: 1_010,
};
const succeeded: Outcome = { kind: 'succeeded' };
const failed: Outcome = { kind: 'failed', errorCode: 'upstream_error' };

describe('a reservation', () => {
  it('sets aside a token for four bytes of body, and some output, at an estimated price', () => {
    const exchange = makeExchange({ ask: makeAsk({ body: Buffer.alloc(4_001, 0x20) }) });
    expect(estimateOf(exchange, { prices })).toEqual({
      inputTokens: 1_001,
      cachedTokens: null,
      cacheWriteTokens: null,
      outputTokens: 512,
      reasoningTokens: null,
      totalTokens: 1_513,
      // 1001·5 + 512·30
      costMicros: '20365.000',
      costStatus: 'estimated',
    });
  });

  it.each([
    ['context of unknown size', { hasOpaqueContext: true }, null, 2_048],
    ["the client's own cap", { outputCap: 100 }, null, 100],
    ["a cap of the client's above what is usual", { outputCap: 4_000 }, null, 512],
    ["the key's cap", { outputCap: 300, hasOpaqueContext: true }, 200, 200],
    ["a cap of the key's above what is usual", {}, 4_000, 512],
  ])('sets aside as much output as fits %s', (_name, ask, outputCap, expected) => {
    const exchange = makeExchange({
      ask: makeAsk(ask),
      limits: { isLimited: true, namesModel: false, outputCap, atOnce: [] },
    });
    expect(estimateOf(exchange, { prices }).outputTokens).toBe(expected);
  });

  it('has no price for a model without one, and says so', () => {
    const exchange = makeExchange({ ask: makeAsk({ model: 'gpt-unknown' }) });
    expect(estimateOf(exchange, { prices })).toMatchObject({ costMicros: null, costStatus: 'unpriced_missing_model' });
  });

  it('names key, Pool, account and route, and nothing of what was asked', () => {
    const client = makeClient();
    const attempt = makeAttempt();
    const body = Buffer.from('{"model":"gpt-5.5","input":"canary"}');
    const ask = makeAsk({ body, threadAnchors: ['canary'], turnState: 'canary', compactions: ['canary'] });
    const reservation = reservationOf(makeExchange({ client, ask }), {
      attempt,
      processNumber: 3,
      prices,
      entries: [],
    });
    expect(reservation).toMatchObject({
      keyId: client.keyId,
      poolId: client.poolId,
      attemptId: attempt.id,
      accountId: attempt.accountId,
      processNumber: 3,
      endpoint: '/backend-api/codex/responses',
      requestBytes: body.length,
    });
    expect(JSON.stringify(reservation)).not.toContain('canary');
  });
});

describe('a settlement', () => {
  it('counts what the provider reports, at the tier it served', () => {
    const exchange = ran({ usage, servedTier: 'priority' }, { ask: makeAsk({ model: 'gpt-6.1-sol' }) });
    expect(settle(exchange, succeeded)).toMatchObject({
      status: 'succeeded',
      usageStatus: 'usage_known',
      errorCode: null,
      servedTier: 'priority',
      // 600·4 + 400·0.2 + 10·20
      uses: [{ event: 'settlement', ...usage, costMicros: '2680.000', costStatus: 'priced' }],
    });
  });

  it('counts what a failed answer reports', () => {
    expect(settle(ran({ usage }), failed)).toMatchObject({
      status: 'failed',
      errorCode: 'upstream_error',
      usageStatus: 'usage_known',
      uses: [{ event: 'settlement', inputTokens: 1_000 }],
    });
  });

  it('is unknown when the provider may have worked and said nothing', () => {
    const settlement = settle(ran({}), { kind: 'cancelled', errorCode: 'client_disconnected' });
    expect(settlement).toMatchObject({ status: 'cancelled', usageStatus: 'usage_unknown', uses: [] });
  });

  it('counts what an attempt reported before the request moved on, for its own account and tier', () => {
    const model = 'gpt-6.1-sol';
    const first = makeAttempt({ mayHaveRun: true, usage, servedTier: 'priority' });
    const second = makeAttempt({
      number: 2,
      mayHaveRun: true,
      usage: { ...usage, outputTokens: 20, totalTokens: 1_020 },
    });
    const settlement = settle(makeExchange({ ask: makeAsk({ model }), attempts: [first, second] }), succeeded);
    expect(settlement.usageStatus).toBe('usage_known');
    expect(settlement.uses).toMatchObject([
      { event: 'attempt:1', accountId: first.accountId, outputTokens: 10, costMicros: '2680.000' },
      { event: 'settlement', accountId: second.accountId, outputTokens: 20 },
    ]);
  });

  it('is what the last attempt that worked reported, when later ones were refused', () => {
    const first = makeAttempt({ mayHaveRun: true, usage });
    const settlement = settle(makeExchange({ attempts: [first, makeAttempt({ number: 2 })] }), failed);
    expect(settlement).toMatchObject({ usageStatus: 'usage_known' });
    expect(settlement.uses).toMatchObject([{ event: 'settlement', accountId: first.accountId }]);
  });

  it('is unknown when the last attempt that may have worked said nothing, whatever an earlier one reported', () => {
    const attempts = [makeAttempt({ mayHaveRun: true, usage }), makeAttempt({ number: 2, mayHaveRun: true })];
    const settlement = settle(makeExchange({ attempts }), failed);
    expect(settlement.usageStatus).toBe('usage_unknown');
    expect(settlement.uses).toMatchObject([{ event: 'attempt:1', totalTokens: 1_010 }]);
  });

  it('is unknown also when only an earlier attempt may have run', () => {
    const attempts = [makeAttempt({ mayHaveRun: true }), makeAttempt({ number: 2, mayHaveRun: false })];
    expect(settle(makeExchange({ attempts }), failed).usageStatus).toBe('usage_unknown');
  });

  it('counts nothing when nothing can have run', () => {
    const attempts = [makeAttempt(), makeAttempt({ number: 2 })];
    expect(settle(makeExchange({ attempts }), failed).usageStatus).toBe('not_applicable');
  });

  it('names the account that was asked last, and all attempts in order', () => {
    const first = makeAttempt({ status: 'retryable_failed', upstreamStatus: 503, firstByteMs: 1.4, totalMs: 12.6 });
    const second = makeAttempt({ number: 2, accountLabel: 'ben' });
    const settlement = settle(makeExchange({ attempts: [first, second] }), failed);
    expect(settlement).toMatchObject({ accountId: second.accountId, accountLabel: 'ben' });
    expect(settlement.attempts).toMatchObject([
      { id: first.id, number: 1, status: 'retryable_failed', upstreamStatus: 503, firstByteMs: 1, totalMs: 13 },
      { id: second.id, number: 2 },
    ]);
  });

  it('has whole milliseconds', () => {
    expect(settle(ran({}, { firstByteMs: 10.7 }), succeeded)).toMatchObject({ firstByteMs: 11, totalMs: 4_000 });
  });

  it('has times that can be stored, also on a machine that slept for months under it, or whose clock went back', () => {
    const slept = 90 * 86_400_000;
    const longest = 2 ** 31 - 1;
    const exchange = ran({ totalMs: slept, firstByteMs: slept }, { firstByteMs: slept });
    const settlement = settlementOf(exchange, { outcome: succeeded, prices, completedAt, totalMs: slept });
    expect(settlement).toMatchObject({ firstByteMs: longest, totalMs: longest });
    expect(settlement.attempts).toMatchObject([{ firstByteMs: longest, totalMs: longest }]);
    const back = ran({ totalMs: -3 }, {});
    expect(settle(back, succeeded).attempts).toMatchObject([{ totalMs: 0 }]);
    expect(settle(ran({}), succeeded).firstByteMs).toBeNull();
  });
});

/** One attempt reached the provider. */
function ran(attempt: Partial<Attempt>, overrides: Partial<Exchange> = {}): Exchange {
  return makeExchange({ attempts: [makeAttempt({ mayHaveRun: true, ...attempt })], ...overrides });
}

function settle(exchange: Exchange, outcome: Outcome) {
  return settlementOf(exchange, { outcome, prices, completedAt, totalMs: 3_999.6 });
}
