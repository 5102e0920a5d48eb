/** Why an account got a request: the record that each choice leaves, without a word of what was asked or answered. */
import { z } from 'zod';
import { query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { LimitRefusal } from './limits.ts';
import {
  CircuitStatus,
  CostStatus,
  ContinuationReason,
  DecisionGround,
  ExclusionReason,
  LocalityWord,
  OutputKind,
  OutputSkip,
  RequestStatus,
  RouteStep,
  StrategyName,
} from './vocabulary.ts';

/** One limit of an account as it was known when the choice was made. */
const LimitThen = z.object({
  /** Absent in the stored form for the account's own limit. */
  meter: z.string().default('codex'),
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

/** What request compression did to a request: counts only, never a word of the outputs. */
export const CompressionFacts = z.object({
  /** How many outputs of each kind became smaller. */
  shortened: z.partialRecord(OutputKind, z.number().int()),
  /** How many stayed as they were, and why. */
  skipped: z.partialRecord(OutputSkip, z.number().int()),
  /** Of the shortened outputs as they stand in the body. The body shrank by the difference. */
  bytesBefore: z.number().int(),
  bytesAfter: z.number().int(),
  /** Of their texts, by a local count. */
  tokensBefore: z.number().int(),
  tokensAfter: z.number().int(),
});
export type CompressionFacts = z.infer<typeof CompressionFacts>;

const Step = z.object({
  step: RouteStep,
  outcome: z.enum(['passed', 'refused', 'not_reached']),
  /** The error that ended it here. */
  code: z.string().nullable(),
  /** Accounts left after it; null where it is not about accounts. */
  left: z.number().int().nullable(),
});

/** Why a request went where it went, or where one would go now: both have the same shape. */
export const Explanation = z.object({
  request: z.object({
    /** Null for one that was only imagined. */
    requestId: z.string().nullable(),
    at: Instant,
    keyName: z.string(),
    keyPrefix: z.string(),
    model: z.string().nullable(),
    requestedTier: z.string().nullable(),
    reasoningEffort: z.string().nullable(),
    status: RequestStatus.nullable(),
    errorCode: z.string().nullable(),
    /** Null when nothing of it was looked at. */
    compression: CompressionFacts.nullable(),
  }),
  steps: z.array(Step),
  /** The limit of the key that has no room, where one refuses; of recorded requests only the error is known. */
  limit: LimitRefusal.nullable(),
  /** One per attempt, and one more when at last nobody was left. */
  choices: z.array(
    z.object({
      attempt: z.number().int().nullable(),
      accountId: z.string().nullable(),
      status: z.string().nullable(),
      errorCode: z.string().nullable(),
      retryReason: z.string().nullable(),
      /** Null when there was no choice: another try of the same conversation was sent where it had to go. */
      decision: Decision.nullable(),
    }),
  ),
  /** Names of the accounts above, as far as they are still known. */
  accounts: z.record(z.string(), z.string()),
});
export type Explanation = z.infer<typeof Explanation>;

export const RequestLine = z.object({
  requestId: z.string(),
  admittedAt: Instant,
  status: RequestStatus,
  keyName: z.string(),
  accountLabel: z.string().nullable(),
  model: z.string().nullable(),
  totalTokens: z.number().nullable(),
  /** What it would have cost at API prices, in millionths of a US dollar. */
  costMicros: z.string().nullable(),
  costStatus: CostStatus.nullable(),
  errorCode: z.string().nullable(),
  totalMs: z.number().nullable(),
  /** Null when no tool output of it was looked at. */
  compression: CompressionFacts.nullable(),
});
export type RequestLine = z.infer<typeof RequestLine>;

/** The first turn of a Codex conversation: some 40 kB of instructions and tools, at four bytes per token. */
export const usualInputTokens = 10_000;

export const decisions = {
  /** The newest requests first. */
  list: query('requests.list', {
    input: z.object({ limit: z.number().int().min(1).max(500).default(20) }).strict(),
    output: z.object({ requests: z.array(RequestLine) }),
  }),
  /** Why a request went where it went. */
  explain: query('requests.explain', { input: z.object({ requestId: z.uuid() }).strict(), output: Explanation }),
  /** Where a request would go now. Changes nothing: nobody is asked, nothing is noted. */
  simulate: query('routes.simulate', {
    input: z
      .object({
        key: z.string().min(1).max(200).describe('id, prefix or name'),
        model: z.string().trim().min(1).max(255),
        address: z.string().min(1).max(64).optional().describe('where it would come from'),
        thread: z.string().min(1).max(255).optional(),
        promptCacheKey: z.string().min(1).max(255).optional(),
        serviceTier: z.string().min(1).max(40).optional(),
        effort: z.string().min(1).max(40).optional(),
        isCompaction: z.boolean().default(false),
        hasImages: z.boolean().default(false),
        hasTools: z.boolean().default(false),
        inputTokens: z.number().int().min(1).max(1_000_000_000).default(usualInputTokens),
        outputTokens: z.number().int().min(1).max(999_999_999).optional().describe('the longest answer it asks for'),
      })
      .strict(),
    output: Explanation,
  }),
};
