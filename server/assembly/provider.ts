/** Everything that talks to the provider: inference, tokens, limits, model lists. */
import { createAccountReader, type AccountReader } from '../accounts/account-reader.ts';
import type { StoredAccountFacts } from '../accounts/account.ts';
import { createAskAccount } from '../accounts/ask-account.ts';
import { createResetBank } from '../accounts/resets/reset-bank.ts';
import { createTokenKeeper, type TokenKeeper } from '../accounts/token-keeper.ts';
import { createCatalogFreshness, type CatalogFreshness } from '../catalog/catalog-freshness.ts';
import { createCatalogReader } from '../catalog/catalog-reader.ts';
import type { Config } from '../environment.ts';
import type { Storage } from '../open-storage.ts';
import { createVault, type Vault } from '../security/vault.ts';
import { createAccountCalls } from '../upstream/account-calls.ts';
import { createCodexClient, type CodexClient } from '../upstream/codex-client.ts';
import { createCodexSockets, type CodexSockets } from '../upstream/codex-sockets.ts';
import { createUsageProbes } from '../upstream/probe-usage.ts';
import { createResetCredits } from '../upstream/reset-credits.ts';
import { createTokenRefresher } from '../upstream/refresh-token.ts';
import { version } from '../version.ts';
import type { World } from '../world/world.ts';
import type { Books } from './books.ts';
import { createSavedResets, type SavedResets } from './saved-resets.ts';

export interface Provider {
  /** As configured. */
  readonly origin: string;
  readonly codex: CodexClient;
  /** Websockets to the provider, kept between turns. */
  readonly sockets: CodexSockets;
  readonly vault: Vault;
  readonly tokens: TokenKeeper;
  readonly reader: AccountReader;
  readonly freshness: CatalogFreshness;
  readonly resets: SavedResets;
}

export function createProvider(
  { database, changes, keys }: Storage,
  { config, world, books }: { config: Config; world: World; books: Books },
): Provider {
  const { clock, random, log, network } = world;
  const { db } = database;
  const { upstreamUrl, authUrl } = config;
  const { accounts: book, board, catalog, settings } = books;
  const vault = createVault({ root: 'upstream', keyRing: keys.upstream, random });
  const askForTokens = createTokenRefresher({ network, clock, authUrl, version });
  const tokens = createTokenKeeper({ db, vault, clock, random, log, book, askForTokens });
  const askBackend = createAccountCalls({ network, clock, upstreamUrl, version });
  const probes = createUsageProbes({ askBackend, clock, upstreamUrl });
  const clientVersion = () => settings.current()['catalog.client_version'];
  const models = createCatalogReader<StoredAccountFacts>({ db, clock, askBackend, clientVersion });
  const ask = createAskAccount(tokens);
  const credits = createResetCredits({ askBackend });
  const bank = createResetBank({ db, clock, log, ask, list: credits.list });
  const questions = { ...probes, models };
  const reader = createAccountReader({ db, ask, board, clock, log, questions, onSavedResets: bank.noticed });
  const resets = createSavedResets({ database, changes }, { world, books, ask, bank, credits, reader });
  const freshness = createCatalogFreshness({
    catalog,
    clock,
    log,
    accountIds: () => book.all().flatMap(({ id, status }) => (status === 'active' ? [id] : [])),
    read: (accountId) => reader.readModels(accountId),
  });
  const idleMs = () => settings.current()['gateway.websocket_owner_idle_timeout_ms'];
  const sockets = createCodexSockets({ network, clock, log, idleMs });
  const codex = createCodexClient({ network, sockets, origin: upstreamUrl });
  return { origin: upstreamUrl, codex, sockets, vault, tokens, reader, freshness, resets };
}
