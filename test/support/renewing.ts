/** One linked account whose tokens can be renewed, on a clock that can be set ahead: for tests of refreshing. */
import type { AccountFacts } from '../../server/accounts/account.ts';
import type { SandboxAccount } from '../../server/sandbox/account.ts';
import { createSandbox, type Sandbox } from '../../server/sandbox/sandbox.ts';
import { accountRooms, createTestClock, freshAccounts, type AccountRooms, type TestClock } from './accounts.ts';
import type { TestDatabase } from './database.ts';

type Renewal = Parameters<AccountRooms['keeper']['renew']>[0];

export interface Renewing {
  readonly clock: TestClock;
  readonly sandbox: Sandbox;
  readonly rooms: AccountRooms;
  readonly anna: SandboxAccount;
  readonly account: AccountFacts;
  renew(over?: Partial<Renewal>, by?: AccountRooms): ReturnType<AccountRooms['keeper']['renew']>;
  row(): ReturnType<typeof rowOf>;
  refreshCalls(): readonly Sandbox['requests'][number][];
  /** Does the provider take this access token? */
  works(token: string): Promise<boolean>;
  stop(): Promise<void>;
}

export async function renewing(database: TestDatabase): Promise<Renewing> {
  await freshAccounts(database);
  const clock = createTestClock();
  const sandbox = await createSandbox({ clock });
  const rooms = accountRooms({ database, url: sandbox.url, clock });
  const anna = sandbox.account('anna');
  const { account: imported } = await rooms.api.import({ authJson: anna.authJson(), pool: 'default' });
  const account = rooms.book.byId(imported.id)!;
  return {
    clock,
    sandbox,
    rooms,
    anna,
    account,
    renew: (over = {}, by = rooms) =>
      by.keeper.renew({ accountId: account.id, seenEpoch: 1, reason: 'unauthorized_recovery', ...over }),
    row: () => rowOf(database, account.id),
    refreshCalls: () => sandbox.requests.filter((request) => request.path === '/oauth/token'),
    async works(token) {
      const headers = { authorization: `Bearer ${token}`, 'chatgpt-account-id': anna.id };
      return (await fetch(`${sandbox.url}/backend-api/wham/usage`, { headers })).status === 200;
    },
    async stop() {
      await rooms.stop();
      await sandbox.stop();
    },
  };
}

function rowOf({ db }: TestDatabase, id: string) {
  return db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}
