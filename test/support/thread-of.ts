/** Threads that begin on an account one wants: found by asking, so the routing stays a black box. */
import { askCodex } from './codex-request.ts';
import type { GatewayUnderTest } from './gateway-under-test.ts';

let asked = 0;

/** @throws Error when no thread went there: the account is not served at all. */
export async function threadOf(gateway: GatewayUnderTest, key: string, name: string): Promise<string> {
  for (let n = 0; n < 60; n += 1) {
    const thread = `${name}-thread-${(asked += 1)}`;
    const arrived = gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
    await (await askCodex(gateway, key, { thread })).text();
    if ((await arrived).account === name) return thread;
  }
  throw new Error(`no thread went to ${name}`);
}
