/** Exchanges and what they consist of, made by hand, for tests of the parts that work on them. */
import { randomUUID } from 'node:crypto';
import type { AccountFacts } from '../../server/accounts/account.ts';
import { holdNothing } from '../../server/accounts/held-account.ts';
import type { Client } from '../../server/api-keys/key-book.ts';
import { openKeyPolicy } from '../../server/contract/key-policy.ts';
import { unlimited } from '../../server/api-keys/limit-book.ts';
import { defaultPoolRouting } from '../../server/contract/pools.ts';
import { defaultSettings } from '../../server/contract/settings.ts';
import type { Ask, Attempt, Exchange } from '../../server/gateway/exchange.ts';

/** The moment at which everything made here begins. */
export const beginning = new Date('2026-11-23T12:00:00Z');

export function makeClient(overrides: Partial<Client> = {}): Client {
  const keyId = overrides.keyId ?? randomUUID();
  return {
    keyId,
    keyName: 'laptop',
    keyPrefix: prefixOf(keyId),
    poolId: randomUUID(),
    policy: openKeyPolicy,
    ...overrides,
  };
}

/** The prefix that keys made by hand have. */
export function prefixOf(keyId: string): string {
  return `sk-cxp-${keyId.replaceAll('-', '').slice(0, 12)}`;
}

export function makeAsk(overrides: Partial<Ask> = {}): Ask {
  return {
    service: null,
    upstreamPath: '/responses',
    model: 'gpt-5.5',
    requestedModel: overrides.model ?? 'gpt-5.5',
    wantsStream: true,
    isCompaction: false,
    requestedTier: null,
    reasoningEffort: null,
    hasImages: false,
    hasTools: false,
    isEffortReadable: true,
    outputCap: null,
    hasOpaqueContext: false,
    body: Buffer.from('{"model":"gpt-5.5","stream":true}'),
    identityHeaders: [],
    turnState: null,
    threadAnchors: [],
    promptCacheKey: null,
    idempotencyKey: null,
    previousResponseIds: [],
    compactions: [],
    fileIds: [],
    mustOwnFiles: false,
    ...overrides,
  };
}

export function makeExchange(overrides: Partial<Exchange> = {}): Exchange {
  return {
    id: randomUUID(),
    client: makeClient(),
    ask: makeAsk(),
    endpoint: '/backend-api/codex/responses',
    routeClass: 'proxy_stream',
    transport: 'http_sse',
    socketOwner: null,
    turnSha256: null,
    settings: defaultSettings,
    limits: unlimited,
    routing: defaultPoolRouting,
    clientAddress: '127.0.0.1',
    clientName: 'codex_exec/0.169.0',
    admittedAt: beginning,
    admittedMs: 0,
    signal: new AbortController().signal,
    attempts: [],
    faults: [],
    continuation: null,
    shed: null,
    deadEnd: null,
    compressed: null,
    isReserved: false,
    isCommitted: false,
    firstByteMs: null,
    responseStatus: null,
    responseBytes: 0,
    ...overrides,
  };
}

export function makeAttempt(overrides: Partial<Attempt> = {}): Attempt {
  return {
    id: randomUUID(),
    number: 1,
    accountId: randomUUID(),
    accountLabel: 'anna',
    credentialEpoch: 1,
    startedAt: beginning,
    startedMs: 0,
    decision: null,
    isRecorded: false,
    status: 'in_progress',
    upstreamStatus: null,
    errorCode: null,
    retryReason: null,
    upstreamRequestId: null,
    firstByteMs: null,
    totalMs: null,
    completedAt: null,
    mayHaveRun: false,
    usage: null,
    servedTier: null,
    ...overrides,
  };
}

export function makeAccount(overrides: Partial<AccountFacts> = {}): AccountFacts {
  return {
    id: randomUUID(),
    label: 'anna',
    email: 'anna@example.com',
    plan: 'pro',
    status: 'active',
    statusReason: null,
    chatgptAccountId: 'chatgpt-anna',
    residency: null,
    isFedramp: false,
    backendOrigin: null,
    routingOverride: null,
    accessTokenExpiresAt: null,
    credentialEpoch: 1,
    createdAt: beginning,
    poolIds: [],
    models: null,
    held: holdNothing('anna'),
    ...overrides,
  };
}
