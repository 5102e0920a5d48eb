/**
 * Which account holds what a conversation depends on. Threads prefer the account that served them last; encrypted
 * compactions and turn state belong to their maker for good (wire spec B17). Only hashes are kept.
 */
import { hash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { DB } from '../database/tables.generated.ts';
import { createExpiringMap } from '../lib/expiring-map.ts';
import { errorFacts } from '../observe/log.ts';
import type { Clock, Log } from '../world/world.ts';
import type { Exchange } from './exchange.ts';

export interface Continuity {
  /** The account that served this conversation last; a preference. */
  preferredAccount(exchange: Exchange): string | null;
  /** The only account that can read the compactions in the input; null when there are none or nobody knows. */
  pinnedAccount(exchange: Exchange): Promise<string | null>;
  /** May this account see the turn state the client sends? */
  issuedTurnState(turnState: string, accountId: string): boolean;
  rememberThread(exchange: Exchange, accountId: string): void;
  rememberTurnState(turnState: string, accountId: string): void;
  rememberCompaction(encryptedContent: string, accountId: string): void;
}

/** About 200 bytes each: a bound of some ten megabytes per map. */
const maxEntries = 50_000;
/** A turn lasts minutes; its state is worthless afterwards. */
const turnStateMs = 24 * 3_600_000;
/** A conversation may be picked up again after weeks, and its compaction is lost without its maker. */
const compactionMs = 90 * 24 * 3_600_000;

export function createContinuity({ db, clock, log }: { db: Kysely<DB>; clock: Clock; log: Log }): Continuity {
  const threads = createExpiringMap<string, string>({ maxEntries });
  const turnStates = createExpiringMap<string, string>({ maxEntries });
  const compactions = createExpiringMap<string, string>({ maxEntries });

  async function compactionOwner(fingerprint: string): Promise<string | undefined> {
    const known = compactions.get(fingerprint, clock.monotonicMs());
    if (known) return known;
    const row = await db
      .selectFrom('continuityAnchors')
      .select('accountId')
      .where('hash', '=', Buffer.from(fingerprint, 'base64'))
      .where('expiresAt', '>', clock.now())
      .executeTakeFirst();
    if (row) compactions.set(fingerprint, { value: row.accountId, endsMs: clock.monotonicMs() + compactionMs });
    return row?.accountId;
  }

  async function storeCompaction(fingerprint: string, accountId: string): Promise<void> {
    const createdAt = clock.now();
    await db
      .insertInto('continuityAnchors')
      .values({
        hash: Buffer.from(fingerprint, 'base64'),
        kind: 'compaction',
        accountId,
        createdAt,
        expiresAt: new Date(createdAt.getTime() + compactionMs),
      })
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute();
  }

  return {
    preferredAccount(exchange) {
      for (const key of threadKeys(exchange)) {
        const accountId = threads.get(key, clock.monotonicMs());
        if (accountId) return accountId;
      }
      return null;
    },

    async pinnedAccount({ ask }) {
      // The newest compaction stands for all before it.
      for (const content of ask.compactions.toReversed()) {
        const owner = await compactionOwner(fingerprintOf(content));
        if (owner) return owner;
      }
      return null;
    },

    issuedTurnState: (turnState, accountId) =>
      turnStates.get(fingerprintOf(turnState), clock.monotonicMs()) === accountId,

    rememberThread(exchange, accountId) {
      const endsMs = clock.monotonicMs() + exchange.settings['routing.thread_affinity_ms'];
      for (const key of threadKeys(exchange)) threads.set(key, { value: accountId, endsMs });
    },

    rememberTurnState(turnState, accountId) {
      turnStates.set(fingerprintOf(turnState), { value: accountId, endsMs: clock.monotonicMs() + turnStateMs });
    },

    rememberCompaction(encryptedContent, accountId) {
      const fingerprint = fingerprintOf(encryptedContent);
      compactions.set(fingerprint, { value: accountId, endsMs: clock.monotonicMs() + compactionMs });
      storeCompaction(fingerprint, accountId).catch((error: unknown) =>
        log.error('anchor_not_stored', errorFacts(error)),
      );
    },
  };
}

const threadKeysOf = new WeakMap<Exchange, readonly string[]>();

/** Scoped to the key: another client cannot find, or steer, my conversations. Hashed once per exchange. */
function threadKeys(exchange: Exchange): readonly string[] {
  const known = threadKeysOf.get(exchange);
  if (known) return known;
  const { client, ask } = exchange;
  const keys = ask.threadAnchors.map((anchor) => fingerprintOf(`${client.keyId}\n${anchor}`));
  threadKeysOf.set(exchange, keys);
  return keys;
}

function fingerprintOf(text: string): string {
  return hash('sha256', text, 'base64');
}
