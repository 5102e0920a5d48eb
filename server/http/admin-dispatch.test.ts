import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { command, query } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { bind, createAdminDispatch, type AdminDispatch } from './admin-dispatch.ts';

const Lamp = z.object({ id: z.string(), name: z.string() });
const lamps = {
  list: query('lamps.list', { input: z.object({}).strict(), output: z.object({ lamps: z.array(Lamp) }) }),
  make: command('lamps.make', {
    input: z
      .object({
        name: z.string().trim().min(1),
        password: z.string().optional(),
        shades: z.record(z.string(), z.array(z.string())).optional(),
      })
      .strict(),
    output: z.object({ lamp: Lamp }),
    audit: ['name', 'lamp.id', 'lamp.missing'],
  }),
};

let database: TestDatabase;
let dispatch: AdminDispatch;
/** What the handler of `lamps.make` does; makes a lamp when unset. */
let failure: unknown;

beforeAll(async () => {
  database = await testDatabase();
  dispatch = createAdminDispatch({
    db: database.db,
    clock: systemClock,
    random: systemRandom,
    endpoints: bind(lamps, {
      list: async () => ({ lamps: [{ id: '1', name: 'desk', secret: 'canary' }], more: 'canary' }),
      make: async ({ name }: { name: string }) => {
        if (failure !== undefined) throw failure;
        return { lamp: { id: '7', name, secret: 'canary' } };
      },
    }),
  });
});
afterAll(() => database.stop());
beforeEach(async () => {
  failure = undefined;
  await database.pool.query('truncate audit_events');
});

describe('an endpoint', () => {
  it('gives what its schema names, and nothing else its handler may know', async () => {
    expect(await call('lamps.list', {})).toEqual({ lamps: [{ id: '1', name: 'desk' }] });
    expect(await call('lamps.make', { name: ' hall ' })).toEqual({ lamp: { id: '7', name: 'hall' } });
  });

  it.each(['lamps.burn', '', 'lamps', 'constructor', '__proto__', 'LAMPS.LIST'])(
    'called "%s" is not there',
    async (name) => {
      await expect(call(name, {})).rejects.toMatchObject({ code: 'not_found' });
    },
  );

  it.each([
    [{}, 'name'],
    [{ name: '  ' }, 'name'],
    [{ name: 5 }, 'name'],
    [{ name: 'x', canary: 1 }, undefined],
    [null, undefined],
    ['text', undefined],
    // What the database cannot keep, wherever it stands.
    [{ name: 'a\u0000b' }, 'name'],
    [{ name: 'half a character: \ud83d' }, 'name'],
    [{ name: 'x', shades: { warm: ['red', '\u0000'] } }, 'shades.warm.1'],
    [{ name: 'x', shades: { 'warm\u0000': [] } }, 'shades'],
  ])('refuses %j and names the field at fault', async (input, param) => {
    await expect(call('lamps.make', input)).rejects.toMatchObject({ code: 'invalid_request', param });
  });

  it('takes every other text', async () => {
    const name = 'Größe 💡 \u0001 \uffff';
    expect(await call('lamps.make', { name })).toEqual({ lamp: { id: '7', name } });
  });

  it('without a handler is a mistake that shows at the start', () => {
    expect(() => bind(lamps, { list: async () => ({}) })).toThrow('no handler for lamps.make');
  });

  it('whose handler breaks its own contract gives nothing away', async () => {
    const broken = createAdminDispatch({
      db: database.db,
      clock: systemClock,
      random: systemRandom,
      endpoints: bind({ list: lamps.list }, { list: async () => ({ lamps: 'canary' }) }),
    });
    const call = broken({ name: 'lamps.list', input: {}, actor: 'test', requestId: null });
    await expect(call).rejects.not.toBeInstanceOf(GatewayError);
  });
});

describe('the audit trail', () => {
  it('has a row for every change, with the fields that are named and no other', async () => {
    await call('lamps.make', { name: 'hall', password: 'canary' });
    expect(await events()).toEqual([
      {
        id: expect.any(String),
        occurredAt: expect.any(Date),
        actor: 'anna',
        action: 'lamps.make',
        targetType: null,
        targetId: null,
        outcome: 'success',
        errorCode: null,
        requestId: 'r1',
        details: { name: 'hall', 'lamp.id': '7' },
      },
    ]);
    expect(JSON.stringify(await events())).not.toContain('canary');
  });

  it('has a row for a change that failed, with its code', async () => {
    failure = new GatewayError('conflict');
    await expect(call('lamps.make', { name: 'hall' })).rejects.toBe(failure);
    failure = new TypeError('canary');
    await expect(call('lamps.make', { name: 'attic' })).rejects.toBe(failure);
    expect(await events()).toMatchObject([
      { outcome: 'failure', errorCode: 'conflict', details: { name: 'hall' } },
      { outcome: 'failure', errorCode: 'internal_error', details: { name: 'attic' } },
    ]);
    expect(JSON.stringify(await events())).not.toContain('canary');
  });

  it('has none for reading, for what is not there, and for input that was never understood', async () => {
    await call('lamps.list', {});
    await call('lamps.nothing', {}).catch(() => undefined);
    await call('lamps.make', { name: 5 }).catch(() => undefined);
    expect(await events()).toEqual([]);
  });
});

function call(name: string, input: unknown): Promise<unknown> {
  return dispatch({ name, input, actor: 'anna', requestId: 'r1' });
}

function events() {
  return database.db.selectFrom('auditEvents').selectAll().orderBy('occurredAt').execute();
}
