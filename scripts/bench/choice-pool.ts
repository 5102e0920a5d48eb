/** A Pool of many accounts as a server knows it after a day's work, for measuring what a choice among them costs. */
import { randomUUID } from 'node:crypto';
import { createAccountBoard, type AccountBoard } from '../../server/accounts/account-board.ts';
import type { AccountFacts } from '../../server/accounts/account.ts';
import { accountMeter, type QuotaReading } from '../../server/accounts/quota.ts';
import { readModelAbilities } from '../../server/catalog/model-abilities.ts';
import { createAttemptHealth, type AttemptHealth } from '../../server/gateway/attempt/attempt-health.ts';
import type { FaultKind } from '../../server/gateway/attempt/faults.ts';
import type { SceneParts } from '../../server/gateway/choice/gather-scene.ts';
import { createLastSuccesses } from '../../server/accounts/last-successes.ts';
import { quietLog } from '../../test/support/quiet-log.ts';

/** A Pool in which all is well, and one in which a fifth of the accounts has one trouble or another. */
export const poolStates = { calm: 'all may serve', troubled: 'a fifth in trouble' } as const;
export type PoolState = keyof typeof poolStates;

/** What the requests ask for, in the Pool `pool` and for the key `key`. */
export const poolModel = 'gpt-6.1-sol';
const models = ['gpt-5', 'gpt-5.1', 'gpt-5.2', 'gpt-5.5', 'gpt-5.5-codex', 'gpt-6-luna', poolModel, 'codex-mini'];

/** Accounts of one plan have the same list, which is kept once. */
const lists = [1, 2].map(() => new Map(models.map((slug) => [slug, readModelAbilities(Buffer.from('{}'))])));

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A text of its own, as it comes with a row of the database or with a request: it is compared letter by letter. */
export function asRead(text: string): string {
  return Buffer.from(text).toString();
}

/** @example gatherScene(question, createChoicePool({ size: 1_000, state: 'calm' })) */
export function createChoicePool({ size, state }: { size: number; state: PoolState }): SceneParts {
  const clock = { now: () => new Date(), monotonicMs: () => performance.now() };
  const board = createAccountBoard();
  const health = createAttemptHealth({
    clock,
    log: quietLog,
    onTrouble: (accountId, isTroubled) => board.noteTrouble(accountId, isTroubled),
  });
  const successes = createLastSuccesses((accountId) => board.held(accountId));
  const now = clock.now();
  const accounts = Array.from({ length: size }, (_each, index) =>
    accountAt(now.getTime() - (size - index) * hourMs, board),
  );
  accounts.forEach(({ id }, index) => {
    const accountId = asRead(id);
    board.restore(
      readingsOf(now, index).map((reading) => ({ accountId, reading })),
      now,
    );
    const credits = { hasCredits: index % 2 === 0, unlimited: false, balance: '12.5', observedAt: now };
    board.restoreCredits([{ accountId, credits }], now);
    successes.note(accountId, new Date(now.getTime() - ((index * 7_919) % size) * 60_000));
    if (state === 'troubled' && index % 5 === 0) trouble({ accountId, index: index / 5, now }, { board, health });
  });
  return { book: { inPool: () => accounts }, board, health, clock };
}

function accountAt(createdMs: number, board: AccountBoard): AccountFacts {
  const plan = Math.floor(createdMs / hourMs) % 2;
  const id = randomUUID();
  return {
    id,
    label: `account ${id}`,
    email: null,
    plan: plan === 0 ? 'pro' : 'plus',
    status: 'active',
    statusReason: null,
    chatgptAccountId: id,
    residency: null,
    isFedramp: false,
    backendOrigin: null,
    routingOverride: null,
    accessTokenExpiresAt: null,
    credentialEpoch: 1,
    createdAt: new Date(createdMs),
    poolIds: ['pool'],
    models: lists[plan]!,
    held: board.held(id),
  };
}

function readingsOf(now: Date, index: number): QuotaReading[] {
  const reading = (windowMinutes: number, resetsInMs: number, meter = accountMeter): QuotaReading => ({
    meter,
    windowMinutes,
    usedPercent: (index * 31) % 90,
    resetAt: new Date(now.getTime() + resetsInMs),
    observedAt: now,
    source: 'response_headers',
  });
  return [
    reading(300, hourMs + (index % 200) * 60_000),
    reading(10_080, dayMs + ((index * 17) % 7_000) * 60_000),
    ...(index % 2 === 0 ? [reading(10_080, dayMs, 'codex_other')] : []),
  ];
}

/** One kind of trouble after the other. */
function trouble(
  { accountId, index, now }: { accountId: string; index: number; now: Date },
  { board, health }: { board: AccountBoard; health: AttemptHealth },
): void {
  const later = new Date(now.getTime() + hourMs);
  const fail = (kind: FaultKind) => {
    const scope = { poolId: 'pool', keyId: 'key', accountId, model: poolModel, routeClass: 'proxy_stream' } as const;
    const admission = health.begin(scope);
    const fault = { kind, upstreamStatus: 500, code: kind, retryAfterMs: null, answer: null };
    if (admission.kind === 'admitted') admission.pass.failed(fault);
  };
  const usedUp = readingsOf(now, 0).map((each) => ({ ...each, usedPercent: 100 }));
  const kinds = [
    () => board.coolDown(accountId, later),
    () => board.record(accountId, usedUp),
    () => [1, 2, 3].forEach(() => fail('provider_failed')),
    () => fail('model_unavailable'),
    () => fail('provider_failed'),
  ];
  kinds[index % kinds.length]!();
}
