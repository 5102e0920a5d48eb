/** The parts of the data path, each given what it needs. */
import { markAccountClosed } from '../accounts/close-account.ts';
import { limitsInUse } from '../api-keys/limit-store.ts';
import { readKeyEnd } from '../api-keys/read-key-end.ts';
import { createAdmission } from '../gateway/admission/admission.ts';
import { createBodyRooms } from '../gateway/admission/body-room.ts';
import { createCompressor } from '../gateway/compression/compressor.ts';
import { loadTokenCounter } from '../gateway/compression/token-counter.ts';
import { createContinuity } from '../gateway/continuity/continuity.ts';
import type { GatewayParts } from '../gateway/gateway-parts.ts';
import { createFileStore } from '../gateway/files/file-store.ts';
import { createRecordKeeper } from '../gateway/records/record-keeper.ts';
import { createRunningExchanges } from '../gateway/running-exchanges.ts';
import { readBody } from '../http/read-body.ts';
import { readForm } from '../http/read-form.ts';
import { errorFacts } from '../observe/log.ts';
import type { Storage } from '../open-storage.ts';
import { readKeyUsage } from '../usage/key-usage-store.ts';
import type { World } from '../world/world.ts';
import type { Books } from './books.ts';
import type { Provider } from './provider.ts';

export function createEngine(
  { database }: Storage,
  { world, books, provider }: { world: World; books: Books; provider: Provider },
): GatewayParts {
  const { clock, random, log } = world;
  const { db, pool } = database;
  const { settings, keys, catalog, accounts: book, board, processNumber } = books;
  const admission = createAdmission({ clock, settings: () => settings.current() });
  books.limits.onRead(() => admission.reconsider());
  const catalogOf = (poolId: string) => catalog.unionOf(book.inPool(poolId).map(({ id }) => id));
  return {
    clock,
    random,
    log,
    keys,
    book,
    board,
    limits: books.limits,
    useOfKey: async (keyId) => ({
      ...(await readKeyUsage(db, keyId)),
      limits: await limitsInUse(db, { keyId, at: clock.now() }),
    }),
    pools: books.pools,
    health: books.health,
    successes: books.successes,
    catalogOf,
    codex: provider.codex,
    sockets: provider.sockets,
    tokens: provider.tokens,
    records: createRecordKeeper({
      pool,
      prices: books.prices,
      entriesOf: (poolId) => catalogOf(poolId).entries,
      whyEnded: (client) => readKeyEnd(db, { client, clock }),
      processNumber,
      clock,
      log,
    }),
    running: createRunningExchanges({ clock }),
    admission,
    bodyRooms: createBodyRooms({ settings: () => settings.current(), memoryBytes: world.memoryBytes }),
    compressor: createCompressor({ clock, log, loadTokenCounter }),
    continuity: createContinuity({ pool, clock, log }),
    settings: () => settings.current(),
    poolEtag(poolId) {
      const union = catalogOf(poolId);
      const isAsListed = union.entries.every(({ slug }) => books.pools.servingModeOf(poolId, slug) === 'auto');
      return union.isOneCatalog && isAsListed ? union.etag : null;
    },
    onModelsEtag: (accountId, etag) => provider.freshness.noticed(accountId, etag),
    savedResets: (accountId) => provider.resets.bank.credits(accountId),
    rescue: (ask) => provider.resets.rescue.rescue(ask),
    onAccountDead(id, reason) {
      markAccountClosed(db, { id, reason, at: clock.now() })
        .then(() => book.reload())
        .then(
          () => log.warn('account_closed', { accountId: id, reason }),
          (error: unknown) => log.error('account_not_closed', { accountId: id, ...errorFacts(error) }),
        );
    },
    files: createFileStore({ pool, now: () => clock.now() }),
    uploads: {
      network: world.network,
      codex: provider.codex,
      tokens: provider.tokens,
      clock,
      providerOrigin: provider.origin,
    },
    readForm: (request, reading) =>
      readForm(request, { ...reading, clock, pauseMs: settings.current()['gateway.body_timeout_ms'] }),
    readBody: (request, { settings: current, maxBytes, room }) =>
      readBody(request, {
        clock,
        room,
        limits: {
          maxCompressedBytes: current['gateway.max_compressed_body_bytes'],
          maxBytes,
          maxRatio: current['gateway.max_decompression_ratio'],
          pauseMs: current['gateway.body_timeout_ms'],
        },
      }),
  };
}
