/**
 * Waits for a promise only until a signal aborts; what the promise stands for goes on. A failure that comes later is
 * nobody's any more and is dropped.
 *
 * @throws the signal's reason when it aborts first.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([left, promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
