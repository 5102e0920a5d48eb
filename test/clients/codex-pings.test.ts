/**
 * The real Codex CLI on a websocket on which nothing is said for long. The gateway runs in this process, so that its
 * clock can be moved over its pings.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxMissedPongs, pingMs } from '../../server/gateway/sockets/client-sessions.ts';
import { breakableLink, type BreakableLink } from '../support/breakable-link.ts';
import { installCodex, newestCodex } from '../support/codex-cli.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { newRow, requestIds } from '../support/ledger.ts';
import { createHandMovedClock, oneInstallation, type Installation } from '../support/one-installation.ts';
import { messagesOf } from './codex-output.ts';
import { createCodexRunner } from './codex-runner.ts';

const providerClock = createHandMovedClock();
let installation: Installation;
let gateway: GatewayUnderTest;
let anna: Awaited<ReturnType<GatewayUnderTest['link']>>;
let link: BreakableLink;
let folder: string;

beforeAll(async () => {
  await installCodex(newestCodex);
  folder = await mkdtemp(join(tmpdir(), 'codex-pooler-pings-'));
  installation = await oneInstallation({ sandboxClock: providerClock });
  // Nothing but pings is said while the provider is silent; those to the provider have tests of their own.
  const settings = { 'gateway.keepalive_ms': 0, 'gateway.upstream_websockets_enabled': false } as const;
  gateway = await installation.open({ settings });
  anna = await gateway.link('anna', { percentPerAnswer: 0 });
  link = await breakableLink(gateway.url);
});
afterAll(async () => {
  await link?.stop();
  await installation?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('Codex over a websocket', () => {
  it('answers our pings, and so keeps it while the provider says nothing for several of them', async () => {
    anna.answers({ behaviour: 'N12', deltas: 1, everyMs: 1_000 });
    const known = await requestIds(gateway);
    const runner = createCodexRunner({ folder, url: () => new URL(link.url).origin });
    const codex = await runner.startCodex({
      key: await gateway.key(),
      provider: ['env_key = "CODEX_POOLER_API_KEY"', 'supports_websockets = true'],
      args: ['exec', '--skip-git-repo-check', '--json', 'say hello'],
    });
    await expect.poll(() => anna.counters.openStreams, { timeout: 30_000 }).toBe(1);
    await providerClock.untilWaiting();
    for (let ping = 0; ping < 3 * maxMissedPongs; ping += 1) {
      const pong = link.nextWord();
      gateway.clock.advance(pingMs);
      await pong;
      // An answer on another connection shows that the gateway has seen what came on this one before.
      await (await fetch(`${gateway.url}/healthz`)).text();
    }
    providerClock.advance(1_000);
    const run = await codex.finished;
    expect([run.exitCode, messagesOf(run)]).toEqual([0, ['x'.repeat(20)]]);
    expect(run.stdout).not.toMatch(/Reconnecting|Falling back/);
    expect(gateway.log.filter(({ event }) => event === 'websocket_opened')).toHaveLength(1);
    expect(await newRow(gateway, known)).toMatchObject({
      status: 'succeeded',
      transport: 'websocket',
      attemptCount: 1,
    });
  });
});
