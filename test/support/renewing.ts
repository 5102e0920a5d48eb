/** One linked account whose tokens can be renewed, on a clock that can be set ahead: for tests of refreshing. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { AccountFacts } from '../../server/accounts/account.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { accountRooms, createTestClock, freshAccounts, type AccountRooms, type TestClock } from './accounts.ts';
import { testDatabase, type TestDatabase } from './database.ts';

type Renewal = Parameters<AccountRooms['keeper']['renew']>[0];

interface Parts {
  /** One for all tests of the file. */
  readonly database: TestDatabase;
  readonly clock: TestClock;
  readonly sandbox: Sandbox;
  readonly rooms: AccountRooms;
  readonly anna: SandboxAccount;
  readonly account: AccountFacts;
}

export interface Renewing extends Parts {
  /** Rooms on the same database and provider, as another process would have them. Whoever opens them stops them. */
  readonly openRooms: () => AccountRooms;
  readonly renew: (over?: Partial<Renewal>, by?: AccountRooms) => ReturnType<AccountRooms['keeper']['renew']>;
  readonly row: () => ReturnType<typeof rowOf>;
  readonly refreshCalls: () => readonly Sandbox['requests'][number][];
  /** Does the provider take this access token? */
  readonly works: (token: string) => Promise<boolean>;
}

/**
 * Makes the parts anew before each test of the file that calls it. The functions may be taken out at once; the parts are
 * there as soon as a test runs, so read them from the object.
 *
 * @example
 * const house = renewingForEach();
 * const { renew } = house;
 */
export function renewingForEach(): Renewing {
  const house = {} as Parts;
  beforeAll(async () => void Object.assign(house, { database: await testDatabase() }));
  afterAll(() => house.database.stop());
  beforeEach(async () => void Object.assign(house, await partsOn(house.database)));
  afterEach(async () => {
    await house.rooms.stop();
    await house.sandbox.stop();
  });
  return Object.assign(house, {
    openRooms: () => roomsOn(house),
    renew: (over: Partial<Renewal> = {}, by = house.rooms) =>
      by.keeper.renew({ accountId: house.account.id, seenEpoch: 1, reason: 'unauthorized_recovery', ...over }),
    row: () => rowOf(house.database, house.account.id),
    refreshCalls: () => house.sandbox.requests.filter((request) => request.path === '/oauth/token'),
    async works(token: string) {
      const headers = { authorization: `Bearer ${token}`, 'chatgpt-account-id': house.anna.id };
      return (await fetch(`${house.sandbox.url}/backend-api/wham/usage`, { headers })).status === 200;
    },
  });
}

async function partsOn(database: TestDatabase): Promise<Parts> {
  await freshAccounts(database);
  const clock = createTestClock();
  const sandbox = await createSandbox({ clock });
  const rooms = roomsOn({ database, sandbox, clock });
  const anna = sandbox.account('anna');
  const { account: imported } = await rooms.api.import({ authJson: anna.authJson(), pool: 'default' });
  return { database, clock, sandbox, rooms, anna, account: rooms.book.byId(imported.id)! };
}

function roomsOn({ database, sandbox, clock }: Pick<Parts, 'database' | 'sandbox' | 'clock'>): AccountRooms {
  return accountRooms({ database, url: sandbox.url, clock });
}

function rowOf({ db }: TestDatabase, id: string) {
  return db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}
