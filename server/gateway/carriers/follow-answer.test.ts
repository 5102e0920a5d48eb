import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../contract/gateway-error.ts';
import { NetworkFault } from '../../world/world.ts';
import { ClientLeft } from '../running-exchanges.ts';
import { StreamIdle } from '../stream/upstream-stream.ts';
import { reasonOf } from './follow-answer.ts';

const running = new AbortController().signal;
const cut = new NetworkFault('reset', { systemCode: 'ECONNRESET' });
const codeOf = (reason: unknown) => (reason instanceof GatewayError ? reason.code : reason);

describe('an answer that breaks off', () => {
  it.each([
    [cut, 'upstream_stream_error'],
    [new StreamIdle(), 'stream_idle_timeout'],
    [new SyntaxError(), 'upstream_stream_error'],
    [new GatewayError('internal_error'), 'internal_error'],
  ])('says why: %o', (error, code) => {
    expect(codeOf(reasonOf(error, { signal: running }))).toBe(code);
  });

  it.each([new GatewayError('gateway_stopping'), new ClientLeft()])(
    'because its call was ended says that, not that its connection broke with it: %o',
    (reason) => {
      expect(reasonOf(cut, { signal: AbortSignal.abort(reason) })).toBe(reason);
    },
  );
});
