/** Makes a client's proofs into tests: one for each situation, on each surface that the client has. */
import { describe, it } from 'vitest';
import { clients, ofNoSurface, situations, type Client, type Proofs, type Situation } from './client-matrix.ts';

/** TypeScript takes neither fewer proofs than the matrix asks for nor more. */
export function prove<C extends Client>(client: C, proofs: Proofs<C>): void {
  const { name, surfaces } = clients[client];
  const tests = (Object.keys(proofs) as (keyof Proofs<C> & Situation)[]).flatMap((situation) => {
    const [first] = surfaces;
    const isOne = surfaces.length === 1 || ofNoSurface.includes(situation);
    return (isOne ? [first] : surfaces).map((surface) => ({
      title: isOne ? situations[situation] : `${situations[situation]}, on ${surface}`,
      run: () => proofs[situation](surface),
    }));
  });
  describe(`${name}: it works with, or understands,`, () => {
    it.each(tests)('$title', ({ run }) => run());
  });
}
