import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../../test/support/database.ts';
import { makeHousehold } from '../../test/support/ledger-rows.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock, systemRandom } from '../world/real-world.ts';
import { insertApiKey, revokeApiKey, type NewApiKeyRow } from './api-key-store.ts';
import { bearerOf, createKeyBook, mayUseModel, statusOf, type KeyBook } from './key-book.ts';
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
    const { secret, id, prefix } = await key({ allowedModels: ['gpt-5.5'] });
    const client = { keyId: id, keyName: 'laptop', keyPrefix: prefix, poolId, allowedModels: ['gpt-5.5'] };
    expect(book.authenticate(`Bearer ${secret}`)).toEqual(client);
    expect(book.authenticate(`bearer  ${secret}`)).toEqual(client);
  });

  it('stops when it expires, without anybody acting', async () => {
    const { secret } = await key({ expiresAt: new Date(clock.now().getTime() + 60_000) });
    expect(book.authenticate(`Bearer ${secret}`).keyName).toBe('laptop');
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
    await revokeApiKey(database.db, { id: revoked.id, at: clock.now() });
    const paused = await key();
    await database.db.updateTable('apiKeys').set({ pausedAt: clock.now() }).where('id', '=', paused.id).execute();
    await book.reload();
    expect(refusalOf(`Bearer ${revoked.secret}`).code).toBe('api_key_revoked');
    expect(refusalOf(`Bearer ${paused.secret}`).code).toBe('api_key_paused');
    const guessed = `${revoked.secret.slice(0, 20)}${paused.secret.slice(20)}`;
    expect(refusalOf(`Bearer ${guessed}`).code).toBe('api_key_missing');
  });

  it('contains nothing of what was presented', async () => {
    expect(refusalOf('Bearer canary').sentence).not.toContain('canary');
  });
});

describe('the state of a key', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const none = { revokedAt: null, expiresAt: null, pausedAt: null };
  it('is the most final of its dates', () => {
    expect(statusOf(none, now)).toBe('active');
    expect(statusOf({ ...none, pausedAt: now }, now)).toBe('paused');
    expect(statusOf({ ...none, pausedAt: now, expiresAt: now }, now)).toBe('expired');
    expect(statusOf({ revokedAt: now, expiresAt: now, pausedAt: now }, now)).toBe('revoked');
    expect(statusOf({ ...none, expiresAt: new Date(now.getTime() + 1) }, now)).toBe('active');
  });
});

describe('the models of a key', () => {
  it.each([
    [null, 'anything', true],
    [[], 'gpt-5.5', false],
    [['gpt-5.5'], 'gpt-5.5', true],
    [[' GPT-5.5 '], 'gpt-5.5', true],
    [['gpt-5.5'], ' Gpt-5.5', true],
    [['gpt-5.5'], 'gpt-5.5-mini', false],
    [['gpt-5.5-mini'], 'gpt-5.5', false],
  ])('allowed as %j: may %s be used? %s', (allowedModels, model, may) => {
    expect(mayUseModel({ allowedModels }, model)).toBe(may);
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
  const row = { id, poolId, name: 'laptop', prefix, secretSha256, allowedModels: null, expiresAt: null };
  await insertApiKey(database.db, { ...row, createdAt: clock.now(), ...overrides });
  await book.reload();
  return { id, secret, prefix };
}

function refusalOf(header: string | undefined): GatewayError {
  try {
    book.authenticate(header);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function factsOf({ code, row, sentence, param, retryAfterMs }: GatewayError) {
  return { code, status: row.status, sentence, param, retryAfterMs };
}
