/**
 * Gathers what a choice depends on at one moment. Both clocks are read once, so every fact is of the same instant, and
 * nothing is changed: asking what would be chosen leaves no trace.
 */
import type { AccountBoard, Suspects } from '../accounts/account-board.ts';
import type { AccountBook } from '../accounts/account-book.ts';
import type { LastSuccesses } from '../routing/last-successes.ts';
import type { Scene } from '../routing/scene.ts';
import type { Clock } from '../world/world.ts';
import type { AttemptHealth } from './attempt-health.ts';
import type { SceneQuestion } from './scene-question.ts';

/** What routing knows of accounts, wherever it is kept. */
export interface SceneParts {
  readonly book: Pick<AccountBook, 'inPool'>;
  readonly board: Pick<AccountBoard, 'suspects' | 'unavailability' | 'limits' | 'isOnCredits'>;
  readonly health: Pick<AttemptHealth, 'look'>;
  readonly successes: Pick<LastSuccesses, 'lastSuccessAt'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** @example const choice = chooseAccount(gatherScene(questionOf(exchange), parts)); */
export function gatherScene(question: SceneQuestion, { book, board, health, successes, clock }: SceneParts): Scene {
  const now = clock.now();
  const { poolId, routing, model, needs, isCompaction, seed, prefers, pinnedTo, continuity, tried } = question;
  const view = health.look(question, now);
  const asked = { model, now };
  const suspects = together(board.suspects(now), view.suspects);
  return {
    accounts: book.inPool(poolId),
    unavailability: (accountId) =>
      suspects === 'all' || suspects.has(accountId)
        ? (board.unavailability(accountId, asked) ?? view.blocked(accountId))
        : null,
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
    demoted: view.demoted,
    isOnCredits: (accountId) => board.isOnCredits(accountId, asked),
    quota: (accountId) => board.limits(accountId, model),
    lastSuccessAt: (accountId) => successes.lastSuccessAt(accountId),
  };
}

/** Asking each board about each of a thousand accounts would cost more than the rest of the choice. */
function together(one: Suspects, other: Suspects): ReadonlySet<string> | 'all' {
  if (one === 'all' || other === 'all') return 'all';
  const suspects = new Set(one);
  for (const accountId of other) suspects.add(accountId);
  return suspects;
}
