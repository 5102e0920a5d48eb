/**
 * Everything a choice depends on, at one moment: what is asked, how the Pool routes, and what is known of its accounts.
 * Production gathers one per choice (`gateway/gather-scene.ts`); whoever asks "which account would it be?" gathers the
 * same and gets the same answer.
 */
import type { AccountFacts } from '../accounts/account.ts';
import type { QuotaReading } from '../accounts/quota.ts';
import type { CircuitStatus, ContinuationReason, LocalityWord } from '../contract/vocabulary.ts';
import type { RoutingQuestion } from './eligibility.ts';
import type { OrderQuestion } from './order-candidates.ts';

/** Its lookups are true for the moment in which it was gathered: choose before anything else is awaited. */
export interface Scene extends RoutingQuestion, Omit<OrderQuestion, 'limit'> {
  /** The Pool's accounts, whatever their state and in any order. */
  readonly accounts: readonly AccountFacts[];
  /** How many accounts one request may try, the tried ones counted in. */
  readonly ringSize: number;
  /** What the conversation's past said, and whether its prompt cache key was followed; told in records. */
  readonly continuity: { readonly reason: ContinuationReason; readonly locality: LocalityWord };
  /** The readings behind an account's limits; evidence for records, which decides nothing. */
  readonly quota: (accountId: string) => readonly QuotaReading[];
  /** How an account's circuit stands for this kind of request; evidence for records, it decides nothing. */
  readonly circuit: (accountId: string) => CircuitStatus;
}
