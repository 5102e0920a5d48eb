import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomScene } from '../../../test/support/random-scene.ts';
import { Decision } from '../../contract/decisions.ts';
import { chooseAccount } from '../../routing/choose-account.ts';
import { recordDecision } from '../../routing/record-decision.ts';
import { findRoute } from './find-route.ts';
import { routeStepsOf } from './route-steps.ts';

const numRuns = 100_000;

describe('what a simulation tells of a random scene', () => {
  it('is the choice of the router, with the steps that led there', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const scene = randomScene(seed);
        const { accountId, errorCode, decision } = findRoute(scene, null);
        const choice = chooseAccount(scene);
        const chosen = choice.kind === 'chosen' ? choice.account.id : null;
        const steps = routeStepsOf({ errorCode, decision });
        const lefts = steps.flatMap(({ left }) => left ?? []);
        const refused = steps.filter(({ outcome }) => outcome === 'refused');
        const isSame =
          accountId === chosen &&
          (decision.candidates.find(({ rank }) => rank === 1)?.accountId ?? null) === chosen &&
          (errorCode === null) === (chosen !== null);
        const isTold =
          lefts.every((left, nth) => left >= 0 && left <= (lefts[nth - 1] ?? scene.accounts.length)) &&
          lefts.at(-1) === (chosen === null ? 0 : 1) &&
          refused.length === (chosen === null ? 1 : 0) &&
          refused.every(({ code }) => code === errorCode);
        return isSame && isTold;
      }),
      { numRuns },
    );
  }, 60_000);

  it('is what is explained once the same choice was made, stored and read again', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const scene = randomScene(seed);
        const { decision, errorCode } = findRoute(scene, null);
        const stored: unknown = JSON.parse(JSON.stringify(recordDecision(scene, chooseAccount(scene))));
        const explained = Decision.parse(stored);
        expect(explained).toEqual(decision);
        expect(routeStepsOf({ errorCode, decision: explained })).toEqual(routeStepsOf({ errorCode, decision }));
      }),
      { numRuns: 1_000 },
    );
  });
});
