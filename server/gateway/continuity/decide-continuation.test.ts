import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideContinuation, seedOf, type ContinuityEvidence, type SeedFacts } from './decide-continuation.ts';

const account = fc.constantFrom('anna', 'ben', 'carl');
const maybe = fc.option(account);
const evidence: fc.Arbitrary<ContinuityEvidence> = fc.record({
  previousResponses: fc.array(account, { maxLength: 2 }),
  compaction: maybe,
  files: fc.array(account, { maxLength: 2 }),
  turnState: maybe,
  idempotencyKey: maybe,
  thread: maybe,
  namesThread: fc.boolean(),
  namesCodexSession: fc.boolean(),
  namesIdempotencyKey: fc.boolean(),
  hasPromptCacheKey: fc.boolean(),
  isPromptCachePool: fc.boolean(),
  isPromptCacheRoute: fc.boolean(),
});
const nothing: ContinuityEvidence = {
  files: [],
  previousResponses: [],
  compaction: null,
  turnState: null,
  idempotencyKey: null,
  thread: null,
  namesThread: false,
  namesCodexSession: false,
  namesIdempotencyKey: false,
  hasPromptCacheKey: false,
  isPromptCachePool: true,
  isPromptCacheRoute: true,
};

describe('what a request carries', () => {
  it('pins it if, and only if, a known account alone can read it', () => {
    fc.assert(
      fc.property(evidence, (each) => {
        const { pinnedTo, prefers, isTorn, why } = decideContinuation(each);
        const makers = [
          ...each.previousResponses,
          ...(each.compaction === null ? [] : [each.compaction]),
          ...each.files,
        ];
        expect(pinnedTo).toBe(makers[0] ?? null);
        expect(isTorn).toBe(new Set(makers).size > 1);
        expect(['previous_response', 'compaction', 'file'].includes(why)).toBe(pinnedTo !== null);
        // A need leaves no room for habits.
        if (pinnedTo !== null) expect(prefers).toBeNull();
      }),
    );
  });

  it('prefers by turn state, then by a repeated request, then by the conversation', () => {
    fc.assert(
      fc.property(evidence, (each) => {
        fc.pre(each.previousResponses.length === 0 && each.compaction === null && each.files.length === 0);
        const { prefers, pinnedTo } = decideContinuation(each);
        expect([pinnedTo, prefers]).toEqual([null, each.turnState ?? each.idempotencyKey ?? each.thread]);
      }),
    );
  });

  it.each([
    [
      { previousResponses: ['anna'], thread: 'ben' },
      { pinnedTo: 'anna', why: 'previous_response' },
    ],
    [
      { compaction: 'anna', turnState: 'ben' },
      { pinnedTo: 'anna', why: 'compaction' },
    ],
    [
      { previousResponses: ['anna'], compaction: 'anna' },
      { pinnedTo: 'anna', isTorn: false },
    ],
    [{ previousResponses: ['anna'], compaction: 'ben' }, { isTorn: true }],
    [
      { files: ['anna', 'anna'], thread: 'ben' },
      { pinnedTo: 'anna', isTorn: false, why: 'file' },
    ],
    [{ files: ['anna', 'ben'] }, { isTorn: true, why: 'file' }],
    [
      { previousResponses: ['anna'], files: ['ben'] },
      { isTorn: true, why: 'file' },
    ],
    [
      { turnState: 'anna', thread: 'ben' },
      { prefers: 'anna', why: 'turn_state' },
    ],
    [{ thread: 'ben' }, { prefers: 'ben', why: 'thread' }],
    [{}, { pinnedTo: null, prefers: null, why: 'none' }],
  ])('decides %j as %j', (given, expected) => {
    expect(decideContinuation({ ...nothing, ...given })).toMatchObject(expected);
  });
});

describe('a prompt cache key', () => {
  it('brings requests together only where nothing better is known of them', () => {
    fc.assert(
      fc.property(evidence, (each) => {
        const { locality, pinnedTo, prefers, why } = decideContinuation(each);
        if (locality !== 'applied') return;
        expect([pinnedTo, prefers, why]).toEqual([null, null, 'prompt_cache']);
        expect(each).toMatchObject({ hasPromptCacheKey: true, isPromptCachePool: true, isPromptCacheRoute: true });
        expect(each.namesIdempotencyKey || (each.namesThread && each.namesCodexSession)).toBe(false);
      }),
    );
  });

  it.each([
    [{}, 'prompt_cache_key_absent'],
    [{ hasPromptCacheKey: true }, 'applied'],
    [{ hasPromptCacheKey: true, isPromptCachePool: false }, 'pool_toggle_disabled'],
    [{ hasPromptCacheKey: true, isPromptCacheRoute: false }, 'route_not_covered'],
    [{ hasPromptCacheKey: true, compaction: 'anna' }, 'pinned'],
    [{ hasPromptCacheKey: true, namesThread: true, namesCodexSession: true }, 'codex_session_continuity'],
    // Sessions are not kept together in this Pool.
    [{ hasPromptCacheKey: true, namesCodexSession: true }, 'applied'],
    [{ hasPromptCacheKey: true, namesIdempotencyKey: true }, 'idempotency_key_continuity'],
    [{ hasPromptCacheKey: true, namesThread: true, thread: 'anna' }, 'durable_affinity_hit'],
  ] as const)('of %j is %s', (given, expected) => {
    expect(decideContinuation({ ...nothing, ...given }).locality).toBe(expected);
  });
});

describe('the seed of a request', () => {
  const facts: SeedFacts = {
    poolId: 'pool',
    keyId: 'key',
    model: 'm',
    conversation: [],
    idempotencyKey: null,
    promptCacheKey: 'warm',
    requestId: 'r1',
  };

  it('is that of its root for a sub-agent, and its own where nothing is named', () => {
    const root = seedOf({ ...facts, conversation: ['root'] }, 'codex_session_continuity');
    expect(seedOf({ ...facts, conversation: ['sub', 'root'] }, 'codex_session_continuity')).toBe(root);
    const alone = { ...facts, promptCacheKey: null };
    expect(seedOf(alone, 'prompt_cache_key_absent')).not.toBe(
      seedOf({ ...alone, requestId: 'r2' }, 'prompt_cache_key_absent'),
    );
  });

  it('is the same for one prompt cache key, and another for each key, Pool and model', () => {
    const seed = seedOf(facts, 'applied');
    expect(seedOf({ ...facts, requestId: 'r2' }, 'applied')).toBe(seed);
    for (const other of [{ poolId: 'p2' }, { keyId: 'k2' }, { model: 'm2' }, { promptCacheKey: 'cold' }])
      expect(seedOf({ ...facts, ...other }, 'applied')).not.toBe(seed);
  });
});
