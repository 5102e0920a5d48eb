/**
 * Gathers what a choice depends on at one moment. Both clocks are read once, so every fact is of the same instant, and
 * nothing is changed: asking what would be chosen leaves no trace.
 */
import type { AccountBoard } from '../../accounts/account-board.ts';
import type { AccountBook } from '../../accounts/account-book.ts';
import type { Scene } from '../../routing/scene.ts';
import type { Clock } from '../../world/world.ts';
import type { AttemptHealth } from '../attempt/attempt-health.ts';
import type { SceneQuestion } from './scene-question.ts';

/** What routing knows of accounts, wherever it is kept. */
export interface SceneParts {
  readonly book: Pick<AccountBook, 'inPool'>;
  readonly board: Pick<AccountBoard, 'look' | 'limits'>;
  readonly health: Pick<AttemptHealth, 'look'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** @example const choice = chooseAccount(gatherScene(questionOf(exchange), parts)); */
export function gatherScene(question: SceneQuestion, { book, board, health, clock }: SceneParts): Scene {
  const now = clock.now();
  const { poolId, routing, model, needs, isCompaction, seed, prefers, pinnedTo, continuity, tried } = question;
  const view = health.look(question, now);
  const limits = board.look({ model, now });
  return {
    accounts: book.inPool(poolId),
    unavailability: (account) => limits.unavailability(account.held) ?? view.blocked(account),
    circuit: (accountId) => view.circuit(accountId),
    model,
    needs,
    isCompaction,
    now,
    pinnedTo,
    continuity,
    tried,
    strategy: routing.strategy,
    ringSize: routing.ringSize,
    floorPercent: routing.floorPercent,
    seed,
    prefers,
    get demoted() {
      return view.demoted;
    },
    isOnCredits: ({ held }) => limits.isOnCredits(held),
    limits: ({ held }) => limits.limits(held),
    quota: (accountId) => board.limits(accountId, model),
    lastSuccessMs: ({ held }) => held.lastSuccessMs,
  };
}
