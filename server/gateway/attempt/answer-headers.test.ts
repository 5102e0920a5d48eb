import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerHeaders, upstreamRequestId } from './answer-headers.ts';

const ours = { requestId: 'ours', poolEtag: null, isStream: false };

describe("the provider's headers that reach the client", () => {
  it('are what the client acts on, and the limits of the one account that served', () => {
    const upstream = {
      'content-type': 'text/event-stream',
      'openai-model': 'gpt-5.5',
      'openai-processing-ms': '12',
      'x-reasoning-included': 'true',
      'x-codex-turn-state': 'ts',
      'x-codex-primary-used-percent': '22',
      'x-codex-secondary-window-minutes': '10080',
      'x-codex-credits-has-credits': 'False',
      'x-codex-active-limit': 'codex',
      'x-codex-plan-type': 'pro',
      'x-codex-gpt-6-astra-primary-used-percent': '3',
      'x-codex-gpt-6-astra-limit-name': 'GPT-6 Astra',
      'x-codex-safety-buffering-enabled': 'true',
    };
    expect(answerHeaders(mapOf(upstream), ours)).toEqual({ 'x-request-id': 'ours', ...upstream });
  });

  it.each([
    'set-cookie',
    'content-encoding',
    'content-length',
    'transfer-encoding',
    'connection',
    'alt-svc',
    'strict-transport-security',
    'server',
    'report-to',
    'nel',
    'cf-ray',
    'location',
    'x-models-etag',
    'etag',
    'x-codex-internal-account',
    'access-control-allow-origin',
  ])('do not include %s', (name) => {
    expect(answerHeaders(mapOf({ [name]: 'value' }), ours)).toEqual({ 'x-request-id': 'ours' });
  });

  it('do not include values longer than a kilobyte', () => {
    const headers = answerHeaders(mapOf({ 'openai-model': 'x'.repeat(1_025), 'x-codex-turn-state': 'y' }), ours);
    expect(headers).toEqual({ 'x-request-id': 'ours', 'x-codex-turn-state': 'y' });
  });

  it('never carry a cookie or a name outside the list', () => {
    const listed =
      /^(?:content-type|openai-model|openai-processing-ms|x-reasoning-included|x-codex-|x-request-id$|x-oai-request-id$|x-models-etag$|cache-control$|x-accel-buffering$)/;
    const name = fc.string({ unit: fc.constantFrom(...'abcdeikmnoprstux-'), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), (upstream) => {
        for (const each of Object.keys(answerHeaders(mapOf(upstream), { ...ours, isStream: true, poolEtag: 'e' })))
          expect(each).toMatch(listed);
      }),
    );
  });
});

describe('the request id', () => {
  it("is ours; the provider's own goes beside it", () => {
    const headers = answerHeaders(mapOf({ 'x-request-id': 'theirs-1' }), ours);
    expect(headers).toEqual({ 'x-request-id': 'ours', 'x-oai-request-id': 'theirs-1' });
  });

  it('of the provider counts only as a plain word, and `x-oai-request-id` before the other', () => {
    expect(upstreamRequestId(mapOf({ 'x-oai-request-id': 'req_1', 'x-request-id': 'two' }))).toBe('req_1');
    for (const id of ['', 'a b', 'a\nb', 'x'.repeat(129)])
      expect(upstreamRequestId(mapOf({ 'x-oai-request-id': id }))).toBeNull();
    expect(upstreamRequestId(mapOf({}))).toBeNull();
  });
});

describe('the ETag of the models', () => {
  it('passes when it is the one under which this Pool serves them', () => {
    const upstream = mapOf({ 'x-models-etag': 'W/"one"' });
    expect(answerHeaders(upstream, { ...ours, poolEtag: 'W/"one"' })).toHaveProperty('x-models-etag', 'W/"one"');
    expect(answerHeaders(upstream, { ...ours, poolEtag: 'W/"other"' })).not.toHaveProperty('x-models-etag');
    expect(answerHeaders(upstream, ours)).not.toHaveProperty('x-models-etag');
  });
});

it('a stream is marked so that nothing between us and the client holds it back', () => {
  expect(answerHeaders(mapOf({}), { ...ours, isStream: true })).toMatchObject({
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
});

function mapOf(headers: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(headers));
}
