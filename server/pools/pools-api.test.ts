import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import type { Endpoint, InputOf, OutputOf } from '../contract/endpoint.ts';
import { defaultPoolRouting, pools, routing } from '../contract/pools.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { createPoolBook, type PoolBook } from './pool-book.ts';
import { ensureDefaultPool } from './pool-store.ts';
import { createPoolsApi, createRoutingApi } from './pools-api.ts';

let database: TestDatabase;
let book: PoolBook;
let run: ReturnType<typeof runnerOf>;

beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate pools cascade');
  await ensureDefaultPool(database.db, { id: systemRandom.id(), now: new Date() });
  book = createPoolBook({ db: database.db });
  run = runnerOf();
});

/** As the admin API does: input parsed before, output parsed after. */
function runnerOf() {
  const { db } = database;
  const reload = () => book.reload();
  const pooled = createPoolsApi({ db, clock: systemClock, random: systemRandom, reload });
  const routed = createRoutingApi({ db, reload });
  const call = async <E extends Endpoint>(
    endpoint: E,
    { input, handler }: { input: unknown; handler: (input: InputOf<E>) => Promise<unknown> },
  ) => endpoint.output.parse(await handler(endpoint.input.parse(input) as InputOf<E>)) as OutputOf<E>;
  return {
    list: async () => (await call(pools.list, { input: {}, handler: pooled.list })).pools,
    create: async (input: unknown) => (await call(pools.create, { input, handler: pooled.create })).pool,
    update: async (input: unknown) => (await call(pools.update, { input, handler: pooled.update })).pool,
    disable: async (pool: string) => (await call(pools.disable, { input: { pool }, handler: pooled.disable })).pool,
    enable: async (pool: string) => (await call(pools.enable, { input: { pool }, handler: pooled.enable })).pool,
    route: async (pool: string, changes: unknown) =>
      (await call(routing.change, { input: { pool, changes }, handler: routed.change })).pool,
    serve: async (input: unknown) => (await call(routing.serve, { input, handler: routed.serve })).pool,
  };
}

const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: { code?: string; param?: string; name: string }) => [error.code ?? error.name, error.param],
  );

describe('creating a Pool', () => {
  it('makes its slug from the name and routes by the defaults', async () => {
    const pool = await run.create({ name: ' Night shift ' });
    expect(pool).toMatchObject({
      slug: 'night-shift',
      name: 'Night shift',
      isDisabled: false,
      accountCount: 0,
      keyCount: 0,
      routing: defaultPoolRouting,
      servingModes: {},
    });
    expect((await run.list()).map(({ slug }) => slug)).toEqual(['default', 'night-shift']);
    expect(book.routingOf(pool.id)).toEqual(defaultPoolRouting);
  });

  it('takes a slug and routing of its own, known to the next request at once', async () => {
    const pool = await run.create({
      name: '夜勤',
      slug: 'night',
      routing: { strategy: 'quota_first', stickyHttp: true },
    });
    expect(pool.slug).toBe('night');
    expect(book.routingOf(pool.id)).toEqual({ ...defaultPoolRouting, strategy: 'quota_first', stickyHttp: true });
  });

  it('is refused when another has the slug, or the name makes none', async () => {
    expect(await problem(run.create({ name: 'Default' }))).toEqual(['conflict', 'slug']);
    expect(await problem(run.create({ name: '夜勤' }))).toEqual(['invalid_request', 'slug']);
    expect(await run.list()).toHaveLength(1);
  });

  it('ten times at once makes one', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, () => problem(run.create({ name: 'Team' }))));
    expect(results.filter((result) => result === 'accepted')).toHaveLength(1);
    expect(await run.list()).toHaveLength(2);
  });
});

describe('changing a Pool', () => {
  it('renames it', async () => {
    const { id } = await run.create({ name: 'Team' });
    expect(await run.update({ pool: 'team', name: 'Crew' })).toMatchObject({ id, slug: 'team', name: 'Crew' });
    expect(await run.update({ pool: 'team', slug: 'crew' })).toMatchObject({ id, slug: 'crew', name: 'Crew' });
    expect(await problem(run.update({ pool: 'team', name: 'x' }))).toEqual(['pool_not_found', 'pool']);
  });

  it('leaves it as it is when nothing is named', async () => {
    await run.create({ name: 'Team' });
    expect(await run.update({ pool: 'team' })).toMatchObject({ slug: 'team', name: 'Team' });
  });

  it('is refused when another has the slug, and nothing of it is stored', async () => {
    await run.create({ name: 'Team' });
    expect(await problem(run.update({ pool: 'team', name: 'Crew', slug: 'default' }))).toEqual(['conflict', 'slug']);
    expect((await run.list()).map(({ name }) => name)).toEqual(['Default', 'Team']);
  });

  it('does not take the default Pool its slug, by which new accounts and keys find it', async () => {
    expect(await problem(run.update({ pool: 'default', slug: 'main' }))).toEqual(['conflict', 'slug']);
    expect((await run.update({ pool: 'default', slug: 'default', name: 'Main' })).name).toBe('Main');
  });

  it('disables and enables it, as often as one likes', async () => {
    expect((await run.disable('default')).isDisabled).toBe(true);
    const at = async () =>
      (await database.db.selectFrom('pools').select('disabledAt').executeTakeFirstOrThrow()).disabledAt;
    const first = await at();
    expect((await run.disable('default')).isDisabled).toBe(true);
    expect(await at()).toEqual(first);
    expect((await run.enable('default')).isDisabled).toBe(false);
    expect((await run.enable('default')).isDisabled).toBe(false);
    expect(await problem(run.disable('nowhere'))).toEqual(['pool_not_found', 'pool']);
  });

  it('is announced to other processes', async () => {
    const listener = await database.pool.connect();
    try {
      await listener.query('listen codex_pooler_changes');
      const heard = new Promise((resolve) => listener.once('notification', ({ payload }) => resolve(payload)));
      await run.route('default', { ringSize: 2 });
      expect(await heard).toBe('pools');
    } finally {
      listener.release(true);
    }
  });
});

describe('changing how a Pool routes', () => {
  it('changes the named fields and no other', async () => {
    const changes = { strategy: 'soonest_reset', floorPercent: 15, ringSize: 7 } as const;
    const pool = await run.route('default', changes);
    expect(pool.routing).toEqual({ ...defaultPoolRouting, ...changes });
    expect((await run.route('default', { requestCompression: true })).routing).toEqual({
      ...defaultPoolRouting,
      ...changes,
      requestCompression: true,
    });
    expect(book.routingOf(pool.id).requestCompression).toBe(true);
  });

  it('loses no change when two are made at once', async () => {
    await Promise.all([run.route('default', { ringSize: 9 }), run.route('default', { v1Compatibility: false })]);
    const [pool] = await run.list();
    expect(pool!.routing).toEqual({ ...defaultPoolRouting, ringSize: 9, v1Compatibility: false });
    expect(book.routingOf(pool!.id)).toEqual(pool!.routing);
  });

  it.each([
    { ringSize: 0 },
    { ringSize: 1.5 },
    { floorPercent: 100 },
    { floorPercent: -1 },
    { strategy: 'random' },
    { stickyHttp: 'yes' },
    { unknown: true },
  ])('refuses %j', async (changes) => {
    expect(await problem(run.route('default', changes))).toEqual(['ZodError', undefined]);
  });
});

describe('choosing how a model is served', () => {
  it('holds whatever the case of its name, until the choice is taken back', async () => {
    const pool = await run.serve({ pool: 'default', model: ' GPT-6-Luna ', mode: 'lite' });
    expect(pool.servingModes).toEqual({ 'gpt-6-luna': 'lite' });
    await run.serve({ pool: 'default', model: 'gpt-6.1-sol', mode: 'full' });
    expect((await run.serve({ pool: 'default', model: 'gpt-6-luna', mode: 'full' })).servingModes).toEqual({
      'gpt-6-luna': 'full',
      'gpt-6.1-sol': 'full',
    });
    expect(book.servingModeOf(pool.id, 'GPT-6-LUNA')).toBe('full');
    await run.serve({ pool: 'default', model: 'gpt-6-luna', mode: 'auto' });
    await run.serve({ pool: 'default', model: 'gpt-6-luna', mode: 'auto' });
    expect((await run.list())[0]!.servingModes).toEqual({ 'gpt-6.1-sol': 'full' });
    expect(book.servingModeOf(pool.id, 'gpt-6-luna')).toBe('auto');
  });
});
