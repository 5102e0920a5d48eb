import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { makeHousehold } from '../../test/support/ledger-rows.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { openKeyPolicy } from '../contract/key-policy.ts';
import { deleteApiKey, insertApiKey, updateApiKey, type ApiKeyChanges, type NewApiKeyRow } from './api-key-store.ts';
import { bearerOf, createKeyBook, type KeyBook } from './key-book.ts';
import { makeKey } from './key-format.ts';

const clock = createMovableClock(systemClock);
let database: TestDatabase;
let book: KeyBook;
let poolId: string;

beforeAll(async () => {
  database = await testDatabase();
  book = createKeyBook({ db: database.db, clock });
  ({ poolId } = await makeHousehold(database.db));
});
afterAll(() => database.stop());

describe('a key that may be used', () => {
  it('is recognised by its header, whatever the case of the scheme', async () => {
    const { secret, id, prefix } = await key({ policy: { ...openKeyPolicy, allowedModels: ['gpt-5.5'] } });
    const policy = { ...openKeyPolicy, allowedModels: ['gpt-5.5'] };
    const client = { keyId: id, keyName: 'laptop', keyPrefix: prefix, poolId, policy };
    expect(clientOf(`Bearer ${secret}`)).toEqual(client);
    expect(clientOf(`bearer  ${secret}`)).toEqual(client);
  });

  it('stops when it expires, without anybody acting', async () => {
    const { secret } = await key({ expiresAt: new Date(clock.now().getTime() + 60_000) });
    expect(clientOf(`Bearer ${secret}`).keyName).toBe('laptop');
    clock.advance(60_000);
    expect(refusalOf(`Bearer ${secret}`).code).toBe('api_key_expired');
  });
});

describe('a refusal', () => {
  it('is the same, word for word, for everything that tells nothing of a key', async () => {
    const { secret } = await key();
    const other = await key();
    const disabled = await makeHousehold(database.db);
    await database.db.updateTable('pools').set({ disabledAt: clock.now() }).where('id', '=', disabled.poolId).execute();
    const inDisabledPool = await key({ poolId: disabled.poolId });
    const wrongSecret = `${secret.slice(0, 20)}${other.secret.slice(20)}`;
    const strange = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${secret}`,
      secret,
      `Bearer ${secret} more`,
      'Bearer sk-proj-something',
      `Bearer ${makeKey(systemRandom).secret}`,
      `Bearer ${wrongSecret}`,
      `Bearer ${inDisabledPool.secret}`,
    ];
    const [first, ...others] = strange.map((header) => factsOf(refusalOf(header)));
    expect(first).toMatchObject({ code: 'api_key_missing', status: 401 });
    for (const refusal of others) expect(refusal).toEqual(first);
  });

  it('names the state of a key only to who knows its secret', async () => {
    const revoked = await key();
    await change(revoked.id, { revokedAt: clock.now() });
    const paused = await key();
    await change(paused.id, { pausedAt: clock.now() });
    expect(refusalOf(`Bearer ${revoked.secret}`).code).toBe('api_key_revoked');
    expect(refusalOf(`Bearer ${paused.secret}`).code).toBe('api_key_paused');
    const guessed = `${revoked.secret.slice(0, 20)}${paused.secret.slice(20)}`;
    expect(refusalOf(`Bearer ${guessed}`).code).toBe('api_key_missing');
  });

  it('contains nothing of what was presented', async () => {
    expect(refusalOf('Bearer canary').sentence).not.toContain('canary');
  });
});

describe('the addresses of a key', () => {
  it('are where it may be used from; an address that is not known is none of them', async () => {
    const { secret } = await key({ policy: { ...openKeyPolicy, allowedAddresses: ['10.0.0.0/8', '::1'] } });
    const header = `Bearer ${secret}`;
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '::1']) expect(clientOf(header, address)).toBeDefined();
    for (const address of ['127.0.0.1', '::2', '', null])
      expect(() => clientOf(header, address)).toThrow(
        expect.objectContaining({ code: 'address_not_allowed' }) as Error,
      );
  });

  it('are told only to who knows its secret', async () => {
    const { secret } = await key({ policy: { ...openKeyPolicy, allowedAddresses: ['10.0.0.0/8'] } });
    expect(refusalOf(`Bearer ${secret.slice(0, 20)}${makeKey(systemRandom).secret.slice(20)}`).code).toBe(
      'api_key_missing',
    );
  });
});

describe('a policy that cannot be read', () => {
  it.each([
    ['a field of the wrong kind', { allowedModels: 'gpt-5.5' }],
    ['a restriction that this version does not know', { maxOutputTokens: 5 }],
    ['an effort that is none', { effort: { rule: 'at_most', level: 'extreme' } }],
    ['an address that is none', { allowedAddresses: ['localhost'] }],
    ['no object', []],
  ])('for %s, leaves its client without one', async (_name, stored) => {
    const { id, secret } = await key();
    await database.db
      .updateTable('apiKeys')
      .set({ policy: JSON.stringify(stored) })
      .where('id', '=', id)
      .execute();
    await book.reload();
    expect(clientOf(`Bearer ${secret}`).policy).toBeNull();
  });

  it('is none that lacks fields: those restrict nothing', async () => {
    const { id, secret } = await key();
    await database.db
      .updateTable('apiKeys')
      .set({ policy: '{"enforcedModel":"gpt-5.5"}' })
      .where('id', '=', id)
      .execute();
    await book.reload();
    expect(clientOf(`Bearer ${secret}`).policy).toEqual({ ...openKeyPolicy, enforcedModel: 'gpt-5.5' });
  });
});

describe('a client that was recognised before', () => {
  it('may go on until something ends its key, and learns what', async () => {
    const { id, secret } = await key();
    const client = clientOf(`Bearer ${secret}`);
    const renamed = { name: 'desk', policy: { ...openKeyPolicy, allowedModels: [] } };
    await change(id, renamed);
    expect(book.whyEnded(client)).toBeNull();
    await change(id, { pausedAt: clock.now() });
    expect(book.whyEnded(client)).toBe('api_key_paused');
    await change(id, { pausedAt: null, expiresAt: clock.now() });
    expect(book.whyEnded(client)).toBe('api_key_expired');
    const { poolId: elsewhere } = await makeHousehold(database.db);
    await change(id, { expiresAt: null, poolId: elsewhere });
    expect(book.whyEnded(client)).toBe('api_key_moved');
    await change(id, { poolId, revokedAt: clock.now() });
    expect(book.whyEnded(client)).toBe('api_key_revoked');
    await deleteApiKey(database.db, id);
    await book.reload();
    expect(book.whyEnded(client)).toBe('api_key_missing');
  });

  it('is worth asking about whenever the book was read again, until nobody listens', async () => {
    const { id, secret } = await key();
    const client = clientOf(`Bearer ${secret}`);
    const seen: unknown[] = [];
    const forget = book.onChange(() => seen.push(book.whyEnded(client)));
    await change(id, { pausedAt: clock.now() });
    await change(id, { pausedAt: null });
    forget();
    await book.reload();
    expect(seen).toEqual(['api_key_paused', null]);
  });

  it('is worth asking about in the moment it ends by the clock, and not before', async () => {
    const own = createKeyBook({ db: database.db, clock });
    const { id } = await key({ expiresAt: new Date(clock.now().getTime() + 90_000) });
    await own.reload();
    const [client] = own.named(id);
    const seen: unknown[] = [];
    own.onChange(() => seen.push(own.whyEnded(client!)));
    clock.advance(80_000);
    expect(seen).toEqual([]);
    clock.advance(10_000);
    expect(seen).toEqual(['api_key_expired']);
    own.stop();
  });

  it('is worth asking about when the secret before a rotation ends, also when the clock was set meanwhile', async () => {
    const own = createKeyBook({ db: database.db, clock });
    const { id, secret } = await key();
    const former = clientOf(`Bearer ${secret}`);
    const next = makeKey(systemRandom);
    await change(id, {
      prefix: next.prefix,
      secretSha256: next.secretSha256,
      previousPrefix: former.keyPrefix,
      previousSecretSha256: makeKey(systemRandom).secretSha256,
      previousEndsAt: new Date(clock.now().getTime() + 3_600_000),
    });
    await own.reload();
    const seen: unknown[] = [];
    own.onChange(() => seen.push(own.whyEnded(former)));
    clock.jumpWall(3_600_000);
    clock.advance(60_000);
    expect(seen).toEqual(['api_key_rotated']);
    own.stop();
  });

  it('is asked about no more once the book is stopped', async () => {
    const own = createKeyBook({ db: database.db, clock });
    await key({ expiresAt: new Date(clock.now().getTime() + 10_000) });
    await own.reload();
    let calls = 0;
    own.onChange(() => (calls += 1));
    own.stop();
    clock.advance(10_000);
    expect(calls).toBe(0);
  });

  it('ends with its Pool, and goes on with it', async () => {
    const house = await makeHousehold(database.db);
    const { secret } = await key({ poolId: house.poolId });
    const client = clientOf(`Bearer ${secret}`);
    const disable = async (disabledAt: Date | null) => {
      await database.db.updateTable('pools').set({ disabledAt }).where('id', '=', house.poolId).execute();
      await book.reload();
      return book.whyEnded(client);
    };
    expect(await disable(clock.now())).toBe('api_key_missing');
    expect(await disable(null)).toBeNull();
  });

  it('with the secret before a rotation goes on as long as the two overlap', async () => {
    const { id, secret, prefix } = await key();
    const { secretSha256 } = (await database.db.selectFrom('apiKeys').selectAll().where('id', '=', id).execute())[0]!;
    const former = clientOf(`Bearer ${secret}`);
    const next = makeKey(systemRandom);
    await change(id, {
      prefix: next.prefix,
      secretSha256: next.secretSha256,
      previousPrefix: prefix,
      previousSecretSha256: secretSha256,
      previousEndsAt: new Date(clock.now().getTime() + 60_000),
    });
    expect(clientOf(`Bearer ${secret}`).keyPrefix).toBe(prefix);
    expect(clientOf(`Bearer ${next.secret}`).keyPrefix).toBe(next.prefix);
    expect(refusalOf(`Bearer ${prefix}${next.secret.slice(prefix.length)}`).code).toBe('api_key_missing');
    expect(book.whyEnded(former)).toBeNull();
    clock.advance(60_000);
    expect(book.whyEnded(former)).toBe('api_key_rotated');
    expect(refusalOf(`Bearer ${secret}`).code).toBe('api_key_rotated');
    expect(clientOf(`Bearer ${next.secret}`).keyId).toBe(id);
  });
});

describe('the book', () => {
  it('misses no change that is made while it is being read', async () => {
    const { id, secret } = await key();
    const running = book.reload();
    await updateApiKey(database.db, { id, changes: { revokedAt: clock.now() } });
    await Promise.all([running, book.reload()]);
    expect(refusalOf(`Bearer ${secret}`).code).toBe('api_key_revoked');
  });
});

describe('a bearer header', () => {
  it('holds one token and nothing else', () => {
    expect(bearerOf('Bearer abc')).toBe('abc');
    for (const header of [undefined, '', 'abc', 'Bearer', 'Bearer a b', 'Token abc', `Bearer ${'x'.repeat(5_000)}`])
      expect(bearerOf(header)).toBe('');
  });
});

async function key(overrides: Partial<NewApiKeyRow> = {}) {
  const { secret, prefix, secretSha256 } = makeKey(systemRandom);
  const id = randomUUID();
  const policy = openKeyPolicy;
  const row = { id, poolId, name: 'laptop', prefix, secretSha256, policy, expiresAt: null };
  await insertApiKey(database.db, { ...row, createdAt: clock.now(), ...overrides });
  await book.reload();
  return { id, secret, prefix };
}

function clientOf(authorization: string | undefined, address: string | null = '127.0.0.1') {
  return book.authenticate({ authorization, address });
}

async function change(id: string, changes: ApiKeyChanges) {
  await updateApiKey(database.db, { id, changes });
  await book.reload();
}

function refusalOf(header: string | undefined, address?: string): GatewayError {
  try {
    clientOf(header, address);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function factsOf({ code, row, sentence, param, retryAfterMs }: GatewayError) {
  return { code, status: row.status, sentence, param, retryAfterMs };
}
