import { describe, expect, it } from 'vitest';
import { createModelRefusals, modelRefusalMs } from './model-refusals.ts';

const spark = { model: 'spark', nowMs: 1 };

describe('a model that the provider refused to an account', () => {
  it('is left out on that account until its time is over, and everything else goes on', () => {
    const refusals = createModelRefusals();
    refusals.refuse({ accountId: 'a', model: 'spark', nowMs: 0 });
    expect(refusals.refusedUntil('a', spark)).toBe(modelRefusalMs);
    expect(refusals.refusedUntil('a', { model: 'gpt-5.5', nowMs: 1 })).toBeNull();
    expect(refusals.refusedUntil('b', spark)).toBeNull();
    expect(refusals.refusedUntil('a', { model: 'spark', nowMs: modelRefusalMs - 1 })).toBe(modelRefusalMs);
    expect(refusals.refusedUntil('a', { model: 'spark', nowMs: modelRefusalMs })).toBeNull();
  });

  it('waits anew after each refusal', () => {
    const refusals = createModelRefusals();
    refusals.refuse({ accountId: 'a', model: 'spark', nowMs: 0 });
    refusals.refuse({ accountId: 'a', model: 'spark', nowMs: 500 });
    expect(refusals.refusedUntil('a', spark)).toBe(500 + modelRefusalMs);
  });

  it('is asked for again at once when a call got it served, or the account changed', () => {
    const refusals = createModelRefusals();
    for (const model of ['spark', 'pro']) refusals.refuse({ accountId: 'a', model, nowMs: 0 });
    refusals.resolve('a', 'spark');
    refusals.resolve('nobody', 'spark');
    expect(refusals.refusedUntil('a', spark)).toBeNull();
    expect(refusals.refusedUntil('a', { model: 'pro', nowMs: 1 })).not.toBeNull();
    refusals.forget('a');
    expect(refusals.refusedUntil('a', { model: 'pro', nowMs: 1 })).toBeNull();
  });

  it('gives way to newer refusals when a client invents models without end', () => {
    const refusals = createModelRefusals({ maxModels: 2 });
    for (const model of ['spark', 'second', 'spark', 'third']) refusals.refuse({ accountId: 'a', model, nowMs: 0 });
    expect(refusals.snapshot(1).map(({ model }) => model)).toEqual(['spark', 'third']);
  });

  it('is shown with its end while it lasts', () => {
    const refusals = createModelRefusals();
    refusals.refuse({ accountId: 'a', model: 'spark', nowMs: 7 });
    expect(refusals.snapshot(8)).toEqual([{ accountId: 'a', model: 'spark', untilMs: 7 + modelRefusalMs }]);
    expect(refusals.snapshot(7 + modelRefusalMs)).toEqual([]);
  });
});
