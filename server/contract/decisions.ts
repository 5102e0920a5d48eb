/** Why an account got a request: the record that each choice leaves, without a word of what was asked or answered. */
import { z } from 'zod';
import { Instant } from './instant.ts';
import {
  CircuitStatus,
  ContinuationReason,
  DecisionGround,
  ExclusionReason,
  LocalityWord,
  StrategyName,
} from './vocabulary.ts';

/** One limit of an account as it was known when the choice was made. */
const LimitThen = z.object({
  windowMinutes: z.number(),
  usedPercent: z.number(),
  /** How long after the choice it resets; null when the provider did not say. */
  resetsInSeconds: z.number().nullable().default(null),
  /** How old the reading was. */
  ageSeconds: z.number(),
});

/** One account as the choice saw it. What is absent in the stored form has its default. */
export const DecisionCandidate = z.object({
  accountId: z.string(),
  /** 1 is the chosen one; those after it would have been tried next. Null when it was left out. */
  rank: z.number().int().nullable().default(null),
  /** Why it was left out; null when it has a rank. */
  reason: ExclusionReason.nullable().default(null),
  /** How long after the choice the reason was to end by itself. */
  endsInSeconds: z.number().nullable().default(null),
  /** Where the Pool's strategy puts it, the lowest first. */
  key: z.number().nullable().default(null),
  /** The conversation was served by it last. */
  isPreferred: z.boolean().default(false),
  /** It failed this key and model just now, so it goes last. */
  isDemoted: z.boolean().default(false),
  /** It is at the floor that the Pool wants left. */
  isReserve: z.boolean().default(false),
  circuit: CircuitStatus.default('closed'),
  limits: z.array(LimitThen).default([]),
});
export type DecisionCandidate = z.infer<typeof DecisionCandidate>;

/** One choice. At most some dozen accounts are named; the counts are of all. */
export const Decision = z.object({
  at: Instant,
  /** Which rules chose, so that records of former versions can be told apart. */
  rules: z.string(),
  strategy: StrategyName,
  ringSize: z.number().int(),
  floorPercent: z.number(),
  isPinned: z.boolean().default(false),
  /** What the request carried that led to an account it had before. */
  continuity: ContinuationReason.default('none'),
  /** Whether its prompt cache key was followed, and if not, why. */
  locality: LocalityWord,
  /** What put the chosen account first; null when there was none. */
  decidedBy: DecisionGround.nullable().default(null),
  /** Accounts of the Pool, and how many of them might have served. */
  total: z.number().int(),
  eligible: z.number().int(),
  /** How many were left out, by reason. */
  excluded: z.partialRecord(ExclusionReason, z.number().int()),
  /** The chosen one first. */
  candidates: z.array(DecisionCandidate),
});
export type Decision = z.infer<typeof Decision>;
/** As it is stored: what has its default is absent. */
export type StoredDecision = z.input<typeof Decision>;
