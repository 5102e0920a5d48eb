/** An account whose sign-in was refused, and that somebody imports again: it serves from that moment on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts } from '../../server/contract/accounts.ts';
import { askCodex, typesOf } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

let installation: Installation;
let gateway: GatewayUnderTest;
let other: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let key: string;

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open();
  other = await installation.open();
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());

async function isServed(through: GatewayUnderTest): Promise<boolean> {
  const answer = await askCodex(through, key);
  return typesOf(await answer.text()).at(-1) === 'response.completed';
}

describe('an account whose sign-in was refused', () => {
  it('serves at once when it is imported again, in every process', async () => {
    for (const through of [gateway, other]) {
      anna.always({ behaviour: 'F1', kind: 'token_revoked' });
      expect((await askCodex(through, key)).ok).toBe(false);
      // It is left alone for a moment, not asked again.
      const asked = anna.counters.requests;
      expect((await askCodex(through, key)).ok).toBe(false);
      expect(anna.counters.requests).toBe(asked);
      anna.forgetScript();
      await gateway.call(accounts.import, { authJson: anna.authJson(), pool: 'default' });
      expect(await isServed(gateway)).toBe(true);
    }
    // The word of the import reaches the other process in its own time.
    while (!(await isServed(other)));
  });
});
