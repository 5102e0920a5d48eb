import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountFacts, emptyScene, quotaReading, testNow } from '../../../test/support/account-facts.ts';
import { quietLog } from '../../../test/support/quiet-log.ts';
import { createAccountBoard } from '../../accounts/account-board.ts';
import { summarizeLimits } from '../../accounts/limit-summary.ts';
import { defaultPoolRouting } from '../../contract/pools.ts';
import { createAttemptHealth } from '../attempt/attempt-health.ts';
import { gatherScene } from './gather-scene.ts';
import type { SceneQuestion } from './scene-question.ts';

const ids = ['a', 'b', 'c', 'd'];
const models = ['gpt-5.5', 'gpt-6-luna'];

/** What may happen to an account, each at some moment. */
const happenings = fc.array(
  fc.record({
    what: fc.constantFrom(
      ...(['used_up', 'free', 'cool', 'refuse_token', 'new_token', 'edge', 'fail', 'refuse_model', 'lost'] as const),
      ...(['serve', 'forget', 'wait', 'credits'] as const),
    ),
    id: fc.constantFrom(...ids),
    model: fc.constantFrom(...models),
    seconds: fc.integer({ min: 1, max: 400 }),
  }),
  { maxLength: 30 },
);

describe('what a choice sees of the accounts', () => {
  it('is what boards and circuits say of each of them, whatever happened before', () => {
    fc.assert(
      fc.property(happenings, (events) => {
        const { live, happen } = world();
        for (const event of events) happen(event);
        for (const model of models) {
          const question = { ...plain, model };
          const { board, health, clock } = live;
          const scene = gatherScene(question, live);
          const view = health.look(question, clock.now());
          const limits = board.look({ model, now: clock.now() });
          for (const account of scene.accounts) {
            // Asked as if something might speak against it: then everything that does is looked up.
            const held = { ...account.held, isWatched: true, isTroubled: true };
            const against = limits.unavailability(held) ?? view.blocked({ ...account, held });
            expect(scene.unavailability(account)).toEqual(against);
            expect(scene.quota(account.id)).toEqual(board.limits(account.id, model));
            const now = summarizeLimits(board.limits(account.id, model), clock.now().getTime());
            expect(scene.limits(account)).toEqual(now);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is that nobody may be called while the edge refuses us or nobody can be reached', () => {
    const refused = world();
    refused.happen({ what: 'edge', id: 'a', model: 'gpt-5.5', seconds: 60 });
    const lost = world();
    for (const id of ids) lost.happen({ what: 'lost', id, model: 'gpt-5.5', seconds: 1 });
    const reasons = ({ live }: ReturnType<typeof world>) => {
      const scene = gatherScene(plain, live);
      return new Set(scene.accounts.map((account) => scene.unavailability(account)?.code));
    };
    expect(reasons(refused)).toEqual(new Set(['edge_back_off']));
    expect(reasons(lost)).toEqual(new Set(['network_down']));
  });
});

const plain: SceneQuestion = {
  poolId: 'pool',
  keyId: 'key',
  routeClass: 'proxy_stream',
  routing: defaultPoolRouting,
  model: 'gpt-5.5',
  needs: emptyScene.needs,
  isCompaction: false,
  seed: 's',
  prefers: null,
  pinnedTo: null,
  continuity: emptyScene.continuity,
  tried: new Set(),
};

/** Four accounts, the boards about them, and what may happen to them. */
function world() {
  let ms = 0;
  const clock = { now: () => new Date(testNow.getTime() + ms), monotonicMs: () => ms };
  const board = createAccountBoard();
  const health = createAttemptHealth({ clock, log: quietLog, onTrouble: board.noteTrouble });
  const read = () => ids.map((id) => accountFacts(id, { held: board.held(id) }));
  let accounts = read();
  const live = { clock, board, health, book: { inPool: () => accounts } };

  function attempt(kind: 'provider_failed' | 'model_unavailable' | 'connect_failed', { id, model }: Happening): void {
    const admission = health.begin({ ...plain, accountId: id, model });
    if (admission.kind !== 'admitted') return;
    const upstreamStatus = kind === 'connect_failed' ? null : 500;
    admission.pass.failed({ kind, upstreamStatus, code: kind, retryAfterMs: null, answer: null });
  }

  function happen(event: Happening): void {
    const { what, id, model, seconds } = event;
    const until = new Date(clock.now().getTime() + seconds * 1_000);
    const readingOf = (usedPercent: number) => ({
      ...quotaReading(10_080, { usedPercent, resetsInMs: ms + seconds * 1_000 }),
      observedAt: clock.now(),
    });
    const does: Record<Happening['what'], () => void> = {
      used_up: () =>
        board.record(id, [{ ...readingOf(100), source: 'error_body', meter: seconds % 2 ? 'codex' : 'other' }], {
          model,
        }),
      free: () => board.record(id, [readingOf(1)]),
      credits: () =>
        board.noteCredits(id, {
          hasCredits: true,
          unlimited: seconds % 2 === 0,
          balance: '0',
          observedAt: clock.now(),
        }),
      cool: () => board.coolDown(id, until),
      refuse_token: () => board.refuseCredential(id, { epoch: seconds % 3, until }),
      new_token: () => board.noteCredential(id, seconds % 3),
      edge: () => board.backOffEdge(until),
      fail: () => [1, 2, 3].forEach(() => attempt('provider_failed', event)),
      refuse_model: () => attempt('model_unavailable', event),
      lost: () => attempt('connect_failed', event),
      serve: () => {
        const admission = health.begin({ ...plain, accountId: id, model });
        if (admission.kind === 'admitted') admission.pass.answerBegan();
      },
      forget: () => {
        health.forget(id);
        board.forget(id);
        accounts = read();
      },
      wait: () => (ms += seconds * 1_000),
    };
    does[what]();
  }
  return { live, happen };
}

type Happening = typeof happenings extends fc.Arbitrary<(infer Item)[]> ? Item : never;
