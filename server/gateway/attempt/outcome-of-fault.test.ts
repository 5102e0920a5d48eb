import { describe, expect, it } from 'vitest';
import type { HealthOutcome } from '../../accounts/circuit.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { NetworkFault, type NetworkFaultKind } from '../../world/world.ts';
import { faults, type Fault, type FaultKind } from './faults.ts';
import { judgeLateFailure, judgeRefusal } from './judge-response.ts';
import { outcomeOfEnding, outcomeOfFault, type EndingFacts } from './outcome-of-fault.ts';
import { ClientLeft } from '../running-exchanges.ts';
import { SseBlockTooLarge } from '../stream/sse-blocks.ts';
import { StreamIdle } from '../stream/upstream-stream.ts';

const now = new Date('2026-11-23T12:00:00Z');

/** Gateway spec 6, as the provider's answers look on the wire. */
const onTheWire: readonly (readonly [string, HealthOutcome, number, unknown])[] = [
  ['a speed limit', 'failure', 429, { error: { code: 'rate_limit_exceeded' } }],
  ['an internal error', 'failure', 500, { error: { code: 'server_error' } }],
  ['a bad gateway', 'failure', 502, {}],
  ['a refused token', 'failure', 401, { error: { code: 'token_expired' } }],
  ['a used up limit', 'neutral', 429, { error: { type: 'usage_limit_reached' } }],
  ['depleted credits', 'neutral', 429, { error: { code: 'workspace_owner_credits_depleted' } }],
  ['an overloaded provider', 'neutral', 503, { error: { code: 'server_is_overloaded' } }],
  ['an overloaded model', 'neutral', 529, { error: { code: 'overloaded_error' } }],
  ['a plan without the feature', 'neutral', 429, { error: { type: 'usage_not_included' } }],
  ['a model it does not serve', 'neutral', 404, { error: { code: 'model_not_found' } }],
  ['a model the account may not use', 'neutral', 400, { detail: "The 'spark' model is not supported for you." }],
  ['a context that is too long', 'neutral', 400, { error: { code: 'context_length_exceeded' } }],
  ['a refusal by policy', 'neutral', 403, { error: { code: 'forbidden' } }],
  ['a closed workspace', 'neutral', 402, { detail: { code: 'deactivated_workspace' } }],
  ['a redirect', 'neutral', 302, {}],
  ['something unprocessable', 'neutral', 422, {}],
];

/** Codes inside a 200 stream (gateway spec 6). */
const neutralInStream = [
  'context_length_exceeded',
  'cyber_policy',
  'invalid_request',
  'invalid_request_error',
  'invalid_previous_response_id',
  'previous_response_not_found',
  'misalignment_policy_violation',
  'missing_required_parameter',
  'overloaded_error',
  'server_is_overloaded',
  'server_error',
  'unsupported_input_image_format',
  'unsupported_parameter',
  'unsupported_value',
  'usage_limit_exceeded',
  'usage_limit_reached',
  'workspace_owner_credits_depleted',
  'workspace_member_credits_depleted',
  'workspace_owner_usage_limit_reached',
  'workspace_member_usage_limit_reached',
  'model_not_found',
  'websocket_connection_limit_reached',
];

describe('what a failed attempt says about its circuit', () => {
  it.each(onTheWire)('%s is %s', (_, outcome, status, body) => {
    const answer = { status, headers: new Map<string, string>(), body: Buffer.from(JSON.stringify(body)) };
    expect(outcomeOfFault(judgeRefusal(answer, now))).toBe(outcome);
  });

  it("the edge's own page is neutral: it refuses the machine", () => {
    const headers = new Map([['content-type', 'text/html']]);
    expect(outcomeOfFault(judgeRefusal({ status: 403, headers, body: Buffer.from('<html>') }, now))).toBe('neutral');
  });

  it.each(neutralInStream)('%s inside a stream is neutral', (code) => {
    expect(outcomeOfFault(judgeLateFailure({ error: { code } }, now))).toBe('neutral');
    expect(outcomeOfEnding(ending({ terminal: 'failed', failureCode: code }))).toBe('neutral');
  });

  it.each(['rate_limit_exceeded', 'something_new', null])('%s inside a stream is a failure', (code) => {
    expect(outcomeOfFault(judgeLateFailure({ error: { code } }, now))).toBe('failure');
    expect(outcomeOfEnding(ending({ terminal: 'failed', failureCode: code }))).toBe('failure');
  });

  it.each(['connect_failed', 'connection_lost', 'answer_timeout'] as const)('%s is a failure', (kind) => {
    expect(outcomeOfFault(fault(kind))).toBe('failure');
  });

  it('never blames the account for a fault whose subject is the request or one model', () => {
    const kinds = (Object.keys(faults) as FaultKind[]).filter((kind) =>
      ['request', 'model'].includes(faults[kind].subject),
    );
    expect(kinds).not.toEqual([]);
    for (const kind of kinds) expect(outcomeOfFault(fault(kind))).toBe('neutral');
  });

  it('leaves an account without a token to the cool-down of its token', () => {
    expect(outcomeOfFault(fault('token_unavailable'))).toBe('neutral');
  });
});

describe('what the end of an answer says about its circuit', () => {
  it('is a success when the answer is complete, also when cut short by its own limit', () => {
    expect(outcomeOfEnding(ending({ terminal: 'completed' }))).toBe('success');
    expect(outcomeOfEnding(ending({ terminal: 'incomplete' }))).toBe('success');
  });

  it('is decided by the terminal event, whatever happens afterwards', () => {
    for (const after of [new ClientLeft(), network('reset'), new StreamIdle()]) {
      expect(outcomeOfEnding(ending({ terminal: 'completed', error: after }))).toBe('success');
    }
    expect(outcomeOfEnding(ending({ terminal: 'completed', abortReason: new ClientLeft() }))).toBe('success');
  });

  it.each<readonly [string, HealthOutcome, Partial<EndingFacts>]>([
    ['the connection broke', 'failure', { error: network('reset') }],
    ['the provider went silent', 'failure', { error: new StreamIdle() }],
    ['no answer began in time', 'failure', { error: new GatewayError('upstream_timeout') }],
    ['the provider ended the stream before its end', 'neutral', {}],
    ['an event was too large', 'neutral', { error: new SseBlockTooLarge() }],
    ['the client left', 'neutral', { error: network('aborted'), abortReason: new ClientLeft() }],
    ['the client left and nothing else was seen', 'neutral', { error: new ClientLeft() }],
    ['the gateway stops', 'neutral', { abortReason: new GatewayError('gateway_stopping') }],
    ['our own signal ended the call', 'neutral', { error: network('aborted') }],
    ['the key was revoked meanwhile', 'neutral', { error: new GatewayError('api_key_revoked') }],
    ['the gateway broke', 'neutral', { error: new TypeError('a bug') }],
  ])('when %s is %s', (_, outcome, facts) => {
    expect(outcomeOfEnding(ending(facts))).toBe(outcome);
  });
});

function ending(facts: Partial<EndingFacts>): EndingFacts {
  return { terminal: null, failureCode: null, error: null, abortReason: null, now, ...facts };
}

function network(kind: NetworkFaultKind): NetworkFault {
  return new NetworkFault(kind, { systemCode: 'TEST' });
}

function fault(kind: FaultKind): Fault {
  return { kind, upstreamStatus: null, code: kind, retryAfterMs: null, answer: null };
}
