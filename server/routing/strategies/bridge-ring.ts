/** Rendezvous alone: all accounts are alike, so conversations spread evenly and stay where they are. */
import type { Strategy } from './strategy.ts';

export const bridgeRing: Strategy = {
  keysFor: () => () => 0,
};
