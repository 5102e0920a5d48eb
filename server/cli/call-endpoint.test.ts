import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quietLog } from '../../test/support/quiet-log.ts';
import { settingsEndpoints } from '../contract/settings.ts';
import { openAdminToken } from '../data-folder/admin-token.ts';
import { claimDataFolder, type DataFolderClaim } from '../data-folder/instance-lock.ts';
import { openDataFolder } from '../data-folder/open-data-folder.ts';
import type { Config, Secrets } from '../environment.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import type { HttpCall, Network } from '../world/world.ts';
import { openEndpoints } from './call-endpoint.ts';

let dataFolder: string;
let claim: DataFolderClaim;
let adminToken: string;

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'codex-pooler-cli-'));
  await openDataFolder(dataFolder, { random: systemRandom });
  claim = await claimDataFolder(dataFolder, { clock: systemClock });
  adminToken = await openAdminToken(dataFolder, { random: systemRandom });
});
afterEach(async () => {
  await claim.release();
  await rm(dataFolder, { recursive: true });
});

describe('a command that finds a running server', () => {
  it.each([
    ['http://localhost:4000', 'http://127.0.0.1:4000'],
    ['http://LOCALHOST:4000/', 'http://127.0.0.1:4000'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
    ['http://[::1]:4000', 'http://[::1]:4000'],
    ['http://192.168.1.5:4000', 'http://192.168.1.5:4000'],
  ])('at %s sends the admin token to %s and nowhere else', async (url, origin) => {
    claim.publish({ url });
    const { network, calls } = listening();
    const world = { clock: systemClock, random: systemRandom, log: quietLog, network, memoryBytes: 2 ** 30 };
    const endpoints = await openEndpoints({ config: { dataFolder } as Config, secrets: {} as Secrets, world });
    expect(endpoints.server?.url).toBe(url);
    await endpoints.call(settingsEndpoints.list, {});
    expect(calls.map((call) => new URL(call.url).origin)).toEqual([origin, origin]);
    const withToken = calls.filter(({ headers }) => headers.some(([, value]) => value.includes(adminToken)));
    expect(withToken.map((call) => call.url)).toEqual([`${origin}/admin/api/${settingsEndpoints.list.name}`]);
    await endpoints.stop();
  });
});

/** A network on which a server answers every call: an outside made by hand. */
function listening(): { network: Network; calls: HttpCall[] } {
  const calls: HttpCall[] = [];
  const network: Network = {
    dropIdle: () => undefined,
    async call(_purpose, call) {
      calls.push(call);
      const body = (async function* () {
        yield Buffer.from(JSON.stringify({ settings: [] }));
      })();
      return { status: 200, headers: new Map(), body, cancel: () => undefined };
    },
    openWebsocket: () => Promise.reject(new Error('no command opens a websocket')),
  };
  return { network, calls };
}
