/** Accounts and readings as routing knows them, for tests of the choice. */
import type { AccountFacts } from '../../server/accounts/account.ts';
import { holdNothing } from '../../server/accounts/held-account.ts';
import { summarizeLimits } from '../../server/accounts/limit-summary.ts';
import { accountMeter, type QuotaReading } from '../../server/accounts/quota.ts';
import type { Scene } from '../../server/routing/scene.ts';

/** The moment at which these tests take place. */
export const testNow = new Date('2026-11-23T12:00:00Z');

/** An account that may serve everything. */
export function accountFacts(id: string, overrides: Partial<AccountFacts> = {}): AccountFacts {
  return {
    id,
    label: id,
    email: null,
    plan: null,
    status: 'active',
    statusReason: null,
    chatgptAccountId: id,
    residency: null,
    isFedramp: false,
    backendOrigin: null,
    routingOverride: null,
    accessTokenExpiresAt: null,
    credentialEpoch: 1,
    createdAt: testNow,
    poolIds: [],
    models: null,
    held: holdNothing(id),
    ...overrides,
  };
}

/** A plain request for a model, in a Pool of nobody about which nothing is known. */
export const emptyScene: Scene = {
  accounts: [],
  model: 'gpt-6.1-sol',
  needs: { tier: null, abilities: [] },
  isCompaction: false,
  now: testNow,
  pinnedTo: null,
  tried: new Set(),
  unavailability: () => null,
  circuit: () => 'closed',
  continuity: { reason: 'none', locality: 'prompt_cache_key_absent' },
  strategy: 'bridge_ring',
  ringSize: 3,
  floorPercent: 0,
  seed: 's',
  prefers: null,
  demoted: new Set(),
  isOnCredits: () => false,
  ...limitsKnown(() => []),
  lastSuccessMs: () => 0,
};

/** What scenes say of accounts' limits, where these are the readings. */
export function limitsKnown(quota: Scene['quota']): Pick<Scene, 'quota' | 'limits'> {
  return { quota, limits: ({ id }) => summarizeLimits(quota(id), testNow.getTime()) };
}

/** A reading of the account's own limit. `resetsInMs` counts from `testNow`; null when the provider did not say. */
export function quotaReading(
  windowMinutes: number,
  { usedPercent = 50, resetsInMs = windowMinutes * 60_000 }: { usedPercent?: number; resetsInMs?: number | null } = {},
): QuotaReading {
  return {
    meter: accountMeter,
    windowMinutes,
    usedPercent,
    resetAt: resetsInMs === null ? null : new Date(testNow.getTime() + resetsInMs),
    observedAt: testNow,
    source: 'response_headers',
  };
}
