import { describe, expect, it } from 'vitest';
import { untilAborted } from './until-aborted.ts';

const never = new Promise<never>(() => undefined);
const left = new Error('left');

describe('waiting until a signal aborts', () => {
  it('gives what the promise gives', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
    expect(await untilAborted(Promise.resolve(1), undefined)).toBe(1);
    await expect(untilAborted(Promise.reject(left), signal)).rejects.toBe(left);
  });

  it('ends with the reason, before or during the wait', async () => {
    await expect(untilAborted(never, AbortSignal.abort(left))).rejects.toBe(left);
    await expect(untilAborted(Promise.resolve(1), AbortSignal.abort(left))).rejects.toBe(left);
    const controller = new AbortController();
    const waiting = untilAborted(never, controller.signal);
    controller.abort(left);
    await expect(waiting).rejects.toBe(left);
  });

  it('drops a failure that comes after the wait', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    await expect(untilAborted(promise, AbortSignal.abort(left))).rejects.toBe(left);
    // Unheard, it would end this process.
    reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
