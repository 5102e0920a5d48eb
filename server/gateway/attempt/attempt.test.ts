import { describe, expect, it } from 'vitest';
import { makeAccount, makeAsk, makeAttempt, makeClient, makeExchange } from '../../../test/support/exchange.ts';
import { quietLog } from '../../../test/support/quiet-log.ts';
import { handFedAnswer, sse, wholeAnswer } from '../../../test/support/streams.ts';
import type { AccountFacts } from '../../accounts/account.ts';
import { createAccountBoard } from '../../accounts/account-board.ts';
import type { RenewResult, TokenKeeper } from '../../accounts/token-keeper.ts';
import { openKeyPolicy } from '../../contract/key-policy.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { createCodexClient } from '../../upstream/codex-client.ts';
import { systemClock } from '../../world/real-world.ts';
import { NetworkFault, type HttpAnswer, type HttpCall } from '../../world/world.ts';
import { tryAccount, type AttemptParts, type AttemptResult } from './attempt.ts';
import type { Exchange } from '../exchange.ts';

const item = sse({ type: 'response.output_item.done', item: { type: 'message' } });
const unauthorized = () => refusal(401, { error: { code: 'token_expired' } });

describe('one try at one account', () => {
  it('gives the answer to commit', async () => {
    const { result, attempt } = await trying([wholeAnswer([item])]);
    expect(result).toMatchObject({ kind: 'answer', answer: { kind: 'stream', status: 200 } });
    expect(attempt).toMatchObject({ upstreamStatus: 200, mayHaveRun: true });
  });

  it('gives a JSON answer as a whole, with its usage and tier', async () => {
    const body = Buffer.from('{"usage":{"input_tokens":3,"output_tokens":4},"service_tier":"flex"}');
    const answer = wholeAnswer([body], { headers: { 'content-type': 'application/json' } });
    const { result, attempt } = await trying([answer]);
    expect(result).toMatchObject({ kind: 'answer', answer: { kind: 'whole', body } });
    expect(attempt).toMatchObject({ usage: { totalTokens: 7 }, servedTier: 'flex' });
  });

  it.each([
    ['connect', 'connect_failed', false],
    ['timeout', 'answer_timeout', true],
    ['reset', 'connection_lost', true],
  ] as const)('calls a network fault of kind %s %s', async (kind, fault, mayHaveRun) => {
    const { result, attempt } = await trying([new NetworkFault(kind, { systemCode: 'ECODE' })]);
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: fault, code: 'ECODE' } });
    expect(attempt.mayHaveRun).toBe(mayHaveRun);
  });

  it('knows that a refused request was not run', async () => {
    const { result, attempt } = await trying([refusal(429, { error: { type: 'usage_limit_reached' } })]);
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'usage_exhausted', upstreamStatus: 429 } });
    expect(attempt).toMatchObject({ upstreamStatus: 429, mayHaveRun: false });
  });

  it('takes a stream that ends after nothing but bookkeeping as lost', async () => {
    const { result, attempt } = await trying([wholeAnswer([sse({ type: 'response.created' })])]);
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'connection_lost', code: 'stream_ended_early' } });
    expect(attempt.mayHaveRun).toBe(true);
  });

  it('gives up a stream that fails before anything meaningful, and says whether it did work', async () => {
    const error = { code: 'server_is_overloaded' };
    const answer = wholeAnswer([sse({ type: 'response.failed', response: { error } })]);
    const { result, attempt } = await trying([answer]);
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'model_overloaded' } });
    expect(attempt.mayHaveRun).toBe(false);
    expect(answer.isCancelled).toBe(true);
    const usage = { input_tokens: 1, output_tokens: 1 };
    const worked = await trying([wholeAnswer([sse({ type: 'response.failed', response: { error, usage } })])]);
    expect(worked.attempt.mayHaveRun).toBe(true);
  });

  it("passes a stream on that fails by the request's own fault: the client knows these codes", async () => {
    const created = sse({ type: 'response.created' });
    const failed = sse({ type: 'response.failed', response: { error: { code: 'context_length_exceeded' } } });
    const done = Buffer.from('data: [DONE]\n\n');
    const { result, attempt } = await trying([wholeAnswer([created, Buffer.concat([failed, done])])]);
    if (result.kind !== 'answer' || result.answer.kind !== 'stream') throw new Error('it was not passed on');
    const passed: Buffer[] = [];
    for await (const blocks of result.answer.stream.blocks()) passed.push(...blocks.map(({ bytes }) => bytes));
    expect(Buffer.concat(passed)).toEqual(Buffer.concat([created, failed, done]));
    expect(result.answer.stream.observer).toMatchObject({ terminal: 'failed', failureCode: 'context_length_exceeded' });
    expect(attempt.mayHaveRun).toBe(false);
  });

  it('passes no `error` event on, which a client would take for a cut', async () => {
    const error = sse({ type: 'error', error: { code: 'context_length_exceeded' } });
    const { result } = await trying([wholeAnswer([error])]);
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'request_refused' } });
  });

  it('throws why it was ended, whatever the network says', async () => {
    const reason = new Error('left');
    const trial = trying([new NetworkFault('aborted', { systemCode: 'ABORT' })], { signal: AbortSignal.abort(reason) });
    await expect(trial).rejects.toBe(reason);
  });
});

describe('the limits that an answer speaks of', () => {
  const resetAt = Math.floor(systemClock.now().getTime() / 1000) + 3600;
  const limits = sse({
    type: 'codex.rate_limits',
    rate_limits: { primary: { used_percent: 42, window_minutes: 300, reset_at: resetAt } },
  });

  it('are read once from an event that comes in pieces, wherever it is cut', async () => {
    for (let cut = 1; cut < limits.length; cut += 1) {
      const pieces = [sse({ type: 'response.created' }), limits.subarray(0, cut), limits.subarray(cut), item];
      const { board } = await trying([wholeAnswer(pieces)]);
      expect(board.takeDirtyReadings().map(({ reading }) => reading.usedPercent)).toEqual([42]);
    }
  });

  it.each([
    ['cut off', limits.subarray(0, limits.length - 20)],
    ['no JSON', Buffer.from('event: codex.rate_limits\ndata: {"type":"codex.rate_limits","rate_limits":{\n\n')],
    ['of another shape', sse({ type: 'codex.rate_limits', rate_limits: [1] })],
  ])('are not read from an event that is %s, and the answer goes on', async (_, event) => {
    const { result, board } = await trying([wholeAnswer([item, event])]);
    expect(result.kind).toBe('answer');
    if (result.kind === 'answer' && result.answer.kind === 'stream')
      for await (const blocks of result.answer.stream.blocks()) expect(blocks.length).toBeGreaterThan(0);
    expect(board.takeDirtyReadings()).toEqual([]);
  });

  it('count on the meter that its headers name, and credits are known from them too', async () => {
    const headers = {
      'content-type': 'application/json',
      'x-codex-active-limit': 'codex_bengalfox',
      'x-codex-credits-has-credits': 'True',
      'x-codex-credits-unlimited': 'False',
      'x-codex-credits-balance': '7',
    };
    const body = Buffer.from(JSON.stringify({ error: { type: 'usage_limit_reached', resets_at: resetAt } }));
    const tried = await trying([wholeAnswer([body], { status: 429, headers })]);
    expect(tried.attempt.activeMeter).toBe('codex_spark');
    expect(tried.board.takeDirtyCredits().map(({ credits }) => credits.balance)).toEqual(['7']);
    expect(tried.result).toMatchObject({
      fault: { kind: 'usage_exhausted', exhausts: [{ usedPercent: 100, resetAt: new Date(resetAt * 1000) }] },
    });
  });
});

describe('an access token that is refused', () => {
  it('is renewed once, and the same account asked again with the new one', async () => {
    const { result, calls } = await trying([unauthorized(), wholeAnswer([item])]);
    expect(result.kind).toBe('answer');
    expect(calls.map(bearer)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('is the fault of the account when the new one is refused too', async () => {
    const { result, calls } = await trying([unauthorized(), unauthorized()]);
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'token_rejected', code: 'token_expired' } });
    expect(calls).toHaveLength(2);
  });

  it.each(['signed_out', 'failed_for_now'] as const)(
    'is not offered again when renewing ends with %s',
    async (kind) => {
      const { result, calls } = await trying([unauthorized()], { renewal: { kind } });
      expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'token_rejected', code: `token_${kind}` } });
      expect(calls).toHaveLength(1);
    },
  );

  it('leaves an account without any token to the others', async () => {
    const { result, calls } = await trying([], { credentialError: new GatewayError('account_signed_out') });
    expect(result).toMatchObject({ kind: 'fault', fault: { kind: 'token_unavailable' } });
    expect(calls).toEqual([]);
  });
});

describe('turn state', () => {
  const exchange = makeExchange({ ask: makeAsk({ turnState: 'state' }) });
  it('is shown to the account that issued it', async () => {
    const { calls } = await trying([wholeAnswer([item])], { exchange, hasIssued: true });
    expect(calls[0]?.headers).toContainEqual(['x-codex-turn-state', 'state']);
  });

  it('is shown to no other', async () => {
    const { calls } = await trying([wholeAnswer([item])], { exchange, hasIssued: false });
    expect(calls[0]?.headers.map(([name]) => name)).not.toContain('x-codex-turn-state');
  });
});

describe('a body without what others sealed', () => {
  it.each([
    ['the account it was made for', 'anna', '{"shed":true}'],
    ['no other, which gets it whole', 'ben', '{"model":"gpt-5.5","stream":true}'],
  ])('goes to %s', async (_name, id, body) => {
    const exchange = makeExchange({ shed: { accountId: 'anna', body: Buffer.from('{"shed":true}') } });
    const { calls } = await trying([wholeAnswer([item])], { exchange, account: makeAccount({ id }) });
    expect(String(calls[0]?.body)).toBe(body);
  });
});

describe("the ETag of the provider's model list", () => {
  const answer = () => wholeAnswer([item], { headers: { 'x-models-etag': 'W/"pool"' } });
  it('reaches a client that is served the whole list under it', async () => {
    expect((await trying([answer()])).headers).toMatchObject({ 'x-models-etag': 'W/"pool"' });
  });

  it('does not reach a client whose key sees a shorter list: it would fetch that list after every turn', async () => {
    const exchange = makeExchange({ client: makeClient({ policy: { ...openKeyPolicy, allowedModels: ['gpt-5.5'] } }) });
    expect((await trying([answer()], { exchange })).headers).not.toHaveProperty('x-models-etag');
  });
});

interface Situation {
  readonly exchange?: Exchange;
  readonly account?: AccountFacts;
  readonly renewal?: RenewResult;
  readonly credentialError?: Error;
  readonly hasIssued?: boolean;
  readonly signal?: AbortSignal;
}

/** Tries an account whose provider gives these answers one after the other. */
async function trying(
  answers: (HttpAnswer | Error)[],
  {
    exchange = makeExchange(),
    account = makeAccount(),
    renewal,
    credentialError,
    hasIssued = false,
    signal,
  }: Situation = {},
) {
  const calls: HttpCall[] = [];
  const network = {
    dropIdle: () => undefined,
    async call(_purpose: string, call: HttpCall): Promise<HttpAnswer> {
      calls.push(call);
      const answer = answers.shift() ?? handFedAnswer();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const tokens: TokenKeeper = {
    credential: async () => {
      if (credentialError) throw credentialError;
      return { accessToken: 'token-1', epoch: 1 };
    },
    renew: async () => renewal ?? { kind: 'renewed', credential: { accessToken: 'token-2', epoch: 2 } },
    stop: async () => undefined,
  };
  const continuity: AttemptParts['continuity'] = {
    issuedTurnState: () => hasIssued,
    rememberTurnState: () => undefined,
    rememberResponse: () => undefined,
    rememberCompaction: () => undefined,
    rememberSealed: () => undefined,
    rememberFile: () => undefined,
  };
  const parts: AttemptParts = {
    codex: createCodexClient({ network, sockets: { call: async () => null }, origin: 'https://provider.example' }),
    tokens,
    continuity,
    board: createAccountBoard(),
    clock: createMovableClock(systemClock),
    log: quietLog,
    onModelsEtag: () => undefined,
    poolEtag: () => 'W/"pool"',
  };
  const attempt = makeAttempt();
  const question = { exchange, attempt, account, signal: signal ?? exchange.signal, headersMs: 60_000 };
  const result = await tryAccount(question, parts);
  return { result, attempt, calls, exchange, headers: headersOf(result), board: parts.board };
}

function headersOf(result: AttemptResult): Readonly<Record<string, string>> {
  return result.kind === 'answer' ? result.answer.headers : {};
}

function bearer({ headers }: HttpCall): string | undefined {
  return headers.find(([name]) => name === 'authorization')?.[1];
}

function refusal(status: number, body: unknown): HttpAnswer {
  return wholeAnswer([Buffer.from(JSON.stringify(body))], { status, headers: { 'content-type': 'application/json' } });
}
