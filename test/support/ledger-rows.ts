/** Reservations and settlements made by hand, and a Pool with keys and accounts they may name. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { DB } from '../../server/database/tables.generated.ts';
import type { Amounts, AttemptRow, ReportedUse, Reservation, Settlement } from '../../server/usage/ledger-rows.ts';
import { beginning, prefixOf } from './exchange.ts';

export interface Household {
  readonly poolId: string;
  readonly keyIds: readonly string[];
  readonly accountIds: readonly string[];
}

/** One Pool with keys and accounts. */
export async function makeHousehold(
  db: Kysely<DB>,
  { keys = 2, accounts = 2 }: { keys?: number; accounts?: number } = {},
): Promise<Household> {
  const poolId = randomUUID();
  await db
    .insertInto('pools')
    .values({ id: poolId, slug: `pool-${poolId.slice(0, 8)}`, name: 'Pool', createdAt: beginning })
    .execute();
  const keyRows = Array.from({ length: keys }, () => randomUUID()).map((id, index) => ({
    id,
    poolId,
    name: `key ${index}`,
    prefix: prefixOf(id),
    secretSha256: randomBytes(32),
    createdAt: beginning,
  }));
  await db.insertInto('apiKeys').values(keyRows).execute();
  const accountRows = Array.from({ length: accounts }, (_each, index) => ({
    id: randomUUID(),
    label: `account ${index}`,
    chatgptAccountId: randomUUID(),
    onboarding: 'import',
    status: 'active',
    statusChangedAt: beginning,
    createdAt: beginning,
  }));
  await db.insertInto('accounts').values(accountRows).execute();
  return { poolId, keyIds: keyRows.map(({ id }) => id), accountIds: accountRows.map(({ id }) => id) };
}

export function makeAmounts(overrides: Partial<Amounts> = {}): Amounts {
  return {
    inputTokens: 100,
    cachedTokens: null,
    cacheWriteTokens: null,
    outputTokens: 20,
    reasoningTokens: null,
    totalTokens: 120,
    costMicros: '1100.000',
    costStatus: 'estimated',
    ...overrides,
  };
}

export function makeReservation(house: Household, overrides: Partial<Reservation> = {}): Reservation {
  const keyId = overrides.keyId ?? house.keyIds[0] ?? '';
  return {
    requestId: randomUUID(),
    poolId: house.poolId,
    keyId,
    keyName: 'key',
    keyPrefix: prefixOf(keyId),
    processNumber: 1,
    endpoint: '/backend-api/codex/responses',
    transport: 'http_sse',
    routeClass: 'proxy_stream',
    model: 'gpt-5.5',
    requestedModel: 'gpt-5.5',
    requestedTier: null,
    reasoningEffort: null,
    clientAddress: '127.0.0.1',
    clientName: null,
    requestBytes: 400,
    admittedAt: beginning,
    reservedAt: beginning,
    turnSha256: null,
    attemptId: randomUUID(),
    accountId: house.accountIds[0] ?? '',
    accountLabel: 'account 0',
    decision: null,
    estimate: makeAmounts(),
    ...overrides,
  };
}

/** What the provider reported, as it settles the request. */
export function makeUse(reservation: Reservation, overrides: Partial<ReportedUse> = {}): ReportedUse {
  const amounts = makeAmounts({ cachedTokens: 40, costMicros: '900.125', costStatus: 'priced' });
  return { event: 'settlement', accountId: reservation.accountId, ...amounts, ...overrides };
}

/** The settlement that ends this reservation after one attempt. */
export function makeSettlement(reservation: Reservation, overrides: Partial<Settlement> = {}): Settlement {
  const completedAt = new Date(reservation.admittedAt.getTime() + 5_000);
  return {
    requestId: reservation.requestId,
    status: 'succeeded',
    usageStatus: 'usage_known',
    errorCode: null,
    responseStatus: 200,
    accountId: reservation.accountId,
    accountLabel: reservation.accountLabel,
    servedTier: 'default',
    responseBytes: 1_000,
    firstByteMs: 40,
    totalMs: 5_000,
    completedAt,
    compression: null,
    attempts: [makeAttemptRow(reservation, { completedAt })],
    decision: null,
    uses: [makeUse(reservation)],
    ...overrides,
  };
}

/** The attempt that the reservation wrote, closed. */
export function makeAttemptRow(reservation: Reservation, overrides: Partial<AttemptRow> = {}): AttemptRow {
  return {
    id: reservation.attemptId,
    number: 1,
    accountId: reservation.accountId,
    accountLabel: reservation.accountLabel,
    transport: reservation.transport,
    status: 'succeeded',
    upstreamStatus: 200,
    errorCode: null,
    retryReason: null,
    upstreamRequestId: 'req_1',
    firstByteMs: 40,
    totalMs: 5_000,
    startedAt: reservation.admittedAt,
    completedAt: null,
    ...overrides,
  };
}
