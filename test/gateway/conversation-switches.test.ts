/** What a Pool's switches make of conversations and prompt cache keys. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { routing, type PoolRouting } from '../../server/contract/pools.ts';
import { askCodex, codexBody } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

let installation: Installation;
let gateway: GatewayUnderTest;
let key: string;
let asked = 0;
const names = ['anna', 'ben', 'carl'];

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open();
  for (const name of names) await gateway.link(name, { percentPerAnswer: 0 });
  key = await gateway.key();
});
afterAll(() => installation.stop());
beforeEach(async () => {
  for (const name of names) installation.sandbox.account(name).forgetScript();
  installation.clock.advance(120_000);
  await change({ strategy: 'bridge_ring', stickyWebsocket: true, stickyHttp: false, promptCacheAffinity: true });
});

function change(changes: Partial<PoolRouting>) {
  return gateway.call(routing.change, { pool: 'default', changes });
}

interface Naming {
  readonly session?: string;
  readonly cacheKey?: string;
  readonly headers?: Record<string, string>;
  readonly as?: string;
  readonly through?: GatewayUnderTest;
}

/** One request; who served it, and why this account came first, as the log says it. */
async function ask({ session = '', cacheKey, headers = {}, as = key, through = gateway }: Naming) {
  const { prompt_cache_key: _, ...body } = JSON.parse(codexBody()) as Record<string, unknown>;
  const named = cacheKey === undefined ? body : { ...body, prompt_cache_key: cacheKey };
  const from = installation.sandbox.requests.length;
  const answer = await askCodex(through, as, {
    headers: { 'session-id': session, 'thread-id': session, ...headers },
    body: JSON.stringify(named),
  });
  await answer.text();
  const calls = installation.sandbox.requests.slice(from).filter(({ path }) => path.endsWith('/responses'));
  const { reason, locality } = through.log.find(
    ({ event, facts }) => event === 'account_chosen' && facts['requestId'] === answer.headers.get('x-request-id'),
  )!.facts;
  return { servedBy: calls.at(-1)?.account, reason, locality };
}

/** The accounts that served so many requests of this naming. */
async function served(count: number, naming: Naming): Promise<string[]> {
  const accounts = new Set<string>();
  for (let n = 0; n < count; n += 1) accounts.add((await ask(naming)).servedBy ?? '');
  return [...accounts];
}

const fresh = (what: string) => `${what}-${(asked += 1)}`;

describe('a prompt cache key', () => {
  it('brings requests to the same account, whatever the strategy, and after a restart', async () => {
    await change({ strategy: 'least_recent_success' });
    const restarted = await installation.open();
    const homes = new Set<string>();
    for (let n = 0; n < 8; n += 1) {
      const cacheKey = fresh('cache');
      const [home, ...others] = await served(3, { cacheKey });
      expect(others).toEqual([]);
      expect(await ask({ cacheKey, through: restarted })).toEqual({
        servedBy: home,
        reason: 'prompt_cache',
        locality: 'applied',
      });
      homes.add(home ?? '');
    }
    // And different ones to different accounts.
    expect(homes.size).toBeGreaterThan(1);
    await restarted.stop();
  });

  it('means nothing where the Pool does not go by it, or there is none', async () => {
    await change({ strategy: 'least_recent_success', promptCacheAffinity: false });
    const cacheKey = fresh('cache');
    expect((await served(6, { cacheKey })).toSorted()).toEqual(names);
    expect(await ask({ cacheKey })).toMatchObject({ reason: 'none', locality: 'pool_toggle_disabled' });
    await change({ promptCacheAffinity: true });
    expect((await served(6, {})).toSorted()).toEqual(names);
    expect(await ask({})).toMatchObject({ reason: 'none', locality: 'prompt_cache_key_absent' });
  });

  it('gives way to the account a conversation has, and to nobody where only one may serve', async () => {
    const session = fresh('session');
    await ask({ session, cacheKey: 'shared' });
    expect(await ask({ session, cacheKey: 'shared' })).toMatchObject({
      reason: 'thread',
      locality: 'codex_session_continuity',
    });
    const others = ['ben', 'carl'].map((name) => installation.sandbox.account(name));
    for (const other of others) other.fails(429, { resetsInSeconds: 60 });
    // The accounts say so when they are asked.
    for (let n = 0; n < 8; n += 1) await ask({ cacheKey: fresh('cache') });
    expect(await ask({ cacheKey: fresh('cache') })).toMatchObject({
      servedBy: 'anna',
      locality: 'single_eligible_candidate',
    });
  });
});

describe('a Codex conversation', () => {
  it('is kept together by its session, until its Pool no longer does that', async () => {
    await change({ strategy: 'least_recent_success' });
    const session = fresh('session');
    expect(await served(6, { session })).toHaveLength(1);
    await change({ stickyWebsocket: false });
    expect((await served(6, { session })).toSorted()).toEqual(names);
    expect(await ask({ session, cacheKey: 'k' })).toMatchObject({ reason: 'prompt_cache', locality: 'applied' });
  });
});

describe('a conversation of a plain client', () => {
  it('stays where it went only in a Pool that keeps it together', async () => {
    for (const stickyHttp of [false, true]) {
      await change({ stickyHttp });
      installation.clock.advance(120_000);
      const cacheKey = fresh('plain');
      const first = (await ask({ cacheKey })).servedBy ?? '';
      installation.sandbox.account(first).answers({ behaviour: 'F4', kind: 'server_error' });
      const moved = (await ask({ cacheKey })).servedBy;
      expect(moved).not.toBe(first);
      installation.clock.advance(120_000);
      const next = await ask({ cacheKey });
      if (stickyHttp) expect(next).toEqual({ servedBy: moved, reason: 'thread', locality: 'durable_affinity_hit' });
      else expect(next).toEqual({ servedBy: first, reason: 'prompt_cache', locality: 'applied' });
    }
  });

  it('repeats a request where it was, by its idempotency key, which another key cannot use', async () => {
    await change({ strategy: 'least_recent_success' });
    const headers = { 'idempotency-key': fresh('again') };
    const first = await ask({ headers, cacheKey: 'k' });
    expect(first.locality).toBe('idempotency_key_continuity');
    expect(await served(4, { headers })).toEqual([first.servedBy]);
    const stranger = await gateway.key({ name: 'stranger' });
    expect((await served(6, { headers: {}, as: stranger })).length).toBe(3);
    expect((await ask({ headers, as: stranger })).reason).toBe('none');
  });
});
