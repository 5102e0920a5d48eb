/** Every admin endpoint with its handler. */
import { createAccountsApi } from '../accounts/accounts-api.ts';
import { createResetsApi } from '../accounts/resets/resets-api.ts';
import { createMembershipsApi } from '../accounts/memberships-api.ts';
import { createApiKeysApi } from '../api-keys/api-keys-api.ts';
import { limitInTheWay } from '../api-keys/limit-in-the-way.ts';
import { createLimitsApi } from '../api-keys/limits-api.ts';
import { createPricesApi } from '../catalog/prices-api.ts';
import { accounts } from '../contract/accounts.ts';
import { decisions } from '../contract/decisions.ts';
import { apiKeys } from '../contract/api-keys.ts';
import { jobs } from '../contract/jobs.ts';
import { limits } from '../contract/limits.ts';
import { memberships } from '../contract/memberships.ts';
import { pools, routing } from '../contract/pools.ts';
import { prices } from '../contract/prices.ts';
import { retention } from '../contract/retention.ts';
import { resets } from '../contract/resets.ts';
import { settingsEndpoints } from '../contract/settings.ts';
import { system } from '../contract/system.ts';
import { createDecisionsApi } from '../gateway/choice/decisions-api.ts';
import type { GatewayParts } from '../gateway/gateway-parts.ts';
import { bind, createAdminDispatch, type AdminDispatch } from '../http/admin-dispatch.ts';
import { createJobsApi } from '../jobs/jobs-api.ts';
import type { Storage } from '../open-storage.ts';
import { poolIdBySlug } from '../pools/pool-store.ts';
import { createPoolsApi, createRoutingApi } from '../pools/pools-api.ts';
import { createRetentionApi } from '../retention/retention-api.ts';
import { createSettingsApi } from '../settings/settings-api.ts';
import { createSystemApi } from '../system/system-api.ts';
import { selectNewestRequests, selectRequest } from '../usage/request-store.ts';
import { version } from '../version.ts';
import type { World } from '../world/world.ts';
import type { Books } from './books.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { Provider } from './provider.ts';

export function createAdministrator(
  { database }: Storage,
  {
    world,
    books,
    provider,
    engine,
    housekeeping,
  }: { world: World; books: Books; provider: Provider; engine: GatewayParts; housekeeping: Housekeeping },
): AdminDispatch {
  const { clock, random, log } = world;
  const { db } = database;
  const { settings, keys, pools: poolBook, catalog, accounts: book, board, health, successes } = books;
  const { vault, tokens: keeper, reader } = provider;
  /** What attempts taught of an account is void once it signed in anew or went away. */
  const startAnew = (accountId: string) => {
    health.forget(accountId);
    provider.sockets.release(accountId);
    successes.forget(accountId);
  };
  const findPool = (slug: string) => poolIdBySlug(db, slug);
  const accountParts = { db, vault, clock, random, log, book, board, keeper, reader, startAnew, models: catalog };
  const reloadPools = () => Promise.all([poolBook.reload(), keys.reload()]);
  // Where prices are fetched is a setting.
  const reloadSettings = () => settings.reload().then(() => books.prices.reload());
  return createAdminDispatch({
    db,
    clock,
    random,
    endpoints: [
      ...bind(pools, createPoolsApi({ db, clock, random, reload: reloadPools })),
      ...bind(routing, createRoutingApi({ db, reload: reloadPools })),
      ...bind(apiKeys, createApiKeysApi({ db, clock, random, book: keys, poolIdBySlug: findPool })),
      ...bind(limits, createLimitsApi({ db, clock, random, book: books.limits })),
      ...bind(accounts, createAccountsApi(accountParts)),
      ...bind(
        resets,
        createResetsApi({ db, board, ...provider.resets, reload: () => provider.resets.rescue.reload() }),
      ),
      ...bind(
        decisions,
        createDecisionsApi({
          ...engine,
          prices: books.prices,
          limitInTheWay: (ask) => limitInTheWay(db, ask),
          newestRequests: (limit) => selectNewestRequests(db, limit),
          findRequest: (id) => selectRequest(db, id),
          labelOf: (id) => book.byId(id)?.label,
        }),
      ),
      ...bind(memberships, createMembershipsApi({ db, clock, book })),
      ...bind(settingsEndpoints, createSettingsApi({ db, clock, book: settings, reload: reloadSettings })),
      ...bind(jobs, createJobsApi({ db, clock, ...housekeeping })),
      ...bind(retention, createRetentionApi({ db, clock, settings: () => settings.current() })),
      ...bind(prices, createPricesApi({ book: books.prices, read: () => housekeeping.readPrices() })),
      ...bind(system, createSystemApi({ db, clock, version, settings: () => settings.current() })),
    ],
  });
}
