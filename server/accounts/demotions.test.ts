import { describe, expect, it } from 'vitest';
import { createDemotions, demotionMs, type DemotionScope } from './demotions.ts';

const scope: DemotionScope = { poolId: 'p', keyId: 'k', model: 'gpt-5.5' };

describe('an account that failed a request', () => {
  it('goes last for a minute, then does not any more', () => {
    const demotions = createDemotions();
    demotions.demote(scope, { accountId: 'anna', nowMs: 0 });
    expect(demotions.demotedIn(scope, demotionMs - 1)).toEqual(new Set(['anna']));
    expect(demotions.demotedIn(scope, demotionMs)).toEqual(new Set());
  });

  it('goes last for a minute from its newest failure, and is demoted once', () => {
    const demotions = createDemotions();
    for (const nowMs of [0, 0, 0, 30_000]) demotions.demote(scope, { accountId: 'anna', nowMs });
    expect([...demotions.demotedIn(scope, 30_000 + demotionMs - 1)]).toEqual(['anna']);
    expect(demotions.demotedIn(scope, 30_000 + demotionMs)).toEqual(new Set());
  });

  it('is as good as any once it has served', () => {
    const demotions = createDemotions();
    demotions.demote(scope, { accountId: 'anna', nowMs: 0 });
    demotions.demote(scope, { accountId: 'ben', nowMs: 0 });
    demotions.resolve(scope, 'anna');
    demotions.resolve({ ...scope, model: 'never demoted' }, 'anna');
    expect(demotions.demotedIn(scope, 1)).toEqual(new Set(['ben']));
  });

  it.each([
    ['Pool', { poolId: 'q' }],
    ['key', { keyId: 'l' }],
    ['model', { model: 'other' }],
  ])('keeps its place for another %s', (_, other) => {
    const demotions = createDemotions();
    demotions.demote(scope, { accountId: 'anna', nowMs: 0 });
    expect(demotions.demotedIn({ ...scope, ...other }, 1)).toEqual(new Set());
  });

  it('ends by its own time, not by that of an account demoted later', () => {
    const demotions = createDemotions();
    demotions.demote(scope, { accountId: 'anna', nowMs: 0 });
    demotions.demote(scope, { accountId: 'ben', nowMs: 30_000 });
    expect(demotions.demotedIn(scope, demotionMs)).toEqual(new Set(['ben']));
  });

  it('starts anew in every scope when it was signed in again, and can fail again', () => {
    const demotions = createDemotions();
    const other = { ...scope, model: 'other' };
    for (const each of [scope, other]) demotions.demote(each, { accountId: 'anna', nowMs: 0 });
    demotions.demote(scope, { accountId: 'ben', nowMs: 0 });
    demotions.forget({ accountId: 'anna', nowMs: 10 });
    expect(demotions.demotedIn(scope, 11)).toEqual(new Set(['ben']));
    expect(demotions.demotedIn(other, 11)).toEqual(new Set());
    demotions.demote(scope, { accountId: 'anna', nowMs: 12 });
    expect(demotions.demotedIn(scope, 13)).toEqual(new Set(['anna', 'ben']));
  });

  it('keeps its place when that failure is forgiven, and no other', () => {
    const demotions = createDemotions();
    demotions.demote(scope, { accountId: 'before', nowMs: 9 });
    demotions.demote(scope, { accountId: 'first', nowMs: 10 });
    demotions.demote(scope, { accountId: 'last', nowMs: 20 });
    demotions.forgive({ sinceMs: 10, nowMs: 20 });
    demotions.demote(scope, { accountId: 'after', nowMs: 21 });
    expect(demotions.demotedIn(scope, 22)).toEqual(new Set(['before', 'after']));
    demotions.forgive({ sinceMs: 21, nowMs: 30 });
    expect(demotions.demotedIn(scope, 31)).toEqual(new Set(['before']));
    demotions.demote(scope, { accountId: 'first', nowMs: 40 });
    expect(demotions.demotedIn(scope, 41)).toEqual(new Set(['before', 'first']));
  });

  it('is forgotten rather than let models that clients invent fill the memory', () => {
    const demotions = createDemotions({ maxScopes: 2 });
    for (const model of ['one', 'two', 'three']) demotions.demote({ ...scope, model }, { accountId: 'anna', nowMs: 0 });
    expect(demotions.demotedIn({ ...scope, model: 'one' }, 1)).toEqual(new Set());
    expect(demotions.demotedIn({ ...scope, model: 'three' }, 1)).toEqual(new Set(['anna']));
  });
});
