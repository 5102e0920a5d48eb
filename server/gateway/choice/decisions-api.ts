/** Handlers of the questions about where requests went, and where they would go. */
import {
  Decision,
  type CompressionFacts,
  type decisions,
  type Explanation,
  type RequestLine,
} from '../../contract/decisions.ts';
import type { Handlers } from '../../contract/endpoint.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { RequestStatus } from '../../contract/vocabulary.ts';
import { routeStepsOf } from './route-steps.ts';
import { simulateRoute, type SimulationParts } from './simulate-route.ts';

/** A request as it is recorded. */
export interface RecordedRequest {
  readonly id: string;
  readonly admittedAt: Date;
  readonly apiKeyName: string;
  readonly apiKeyPrefix: string;
  readonly model: string | null;
  readonly requestedTier: string | null;
  readonly reasoningEffort: string | null;
  readonly status: RequestStatus;
  readonly errorCode: string | null;
  readonly compression: CompressionFacts | null;
  readonly decision: unknown;
  readonly attempts: readonly {
    readonly number: number;
    readonly accountId: string | null;
    readonly accountLabel: string;
    readonly status: string;
    readonly errorCode: string | null;
    readonly retryReason: string | null;
    readonly decision: unknown;
  }[];
}

export interface DecisionsApiParts extends SimulationParts {
  readonly newestRequests: (limit: number) => Promise<RequestLine[]>;
  readonly findRequest: (id: string) => Promise<RecordedRequest | undefined>;
  readonly labelOf: (accountId: string) => string | undefined;
}

export function createDecisionsApi(parts: DecisionsApiParts): Handlers<typeof decisions> {
  return {
    async list({ limit }) {
      return { requests: await parts.newestRequests(limit) };
    },

    async explain({ requestId }) {
      const recorded = await parts.findRequest(requestId);
      if (!recorded) throw new GatewayError('request_not_found', { param: 'requestId' });
      const explanation = explanationOf(recorded);
      const known = recorded.attempts.flatMap(({ accountId, accountLabel }) =>
        accountId === null ? [] : [[accountId, accountLabel] as const],
      );
      return { ...explanation, accounts: { ...Object.fromEntries(known), ...namesIn(explanation, parts) } };
    },

    async simulate(simulation) {
      const explanation = await simulateRoute(simulation, parts);
      return { ...explanation, accounts: namesIn(explanation, parts) };
    },
  };
}

function explanationOf(recorded: RecordedRequest): Omit<Explanation, 'accounts'> {
  const { id, admittedAt, apiKeyName, apiKeyPrefix, attempts, errorCode, decision: deadEnd, ...facts } = recorded;
  const { model, requestedTier, reasoningEffort, status, compression } = facts;
  const choices: Explanation['choices'] = attempts.map(({ number, accountLabel: _label, decision, ...attempt }) => ({
    ...attempt,
    attempt: number,
    decision: readDecision(decision),
  }));
  const last = readDecision(deadEnd);
  if (last)
    choices.push({ attempt: null, accountId: null, status: null, errorCode, retryReason: null, decision: last });
  return {
    request: {
      requestId: id,
      at: admittedAt,
      keyName: apiKeyName,
      keyPrefix: apiKeyPrefix,
      model,
      requestedTier,
      reasoningEffort,
      status,
      errorCode,
      compression,
    },
    steps: routeStepsOf({ errorCode, decision: choices[0]?.decision ?? null }),
    limit: null,
    choices,
  };
}

/** A record of another version that no longer reads as one is left out rather than told wrongly. */
function readDecision(stored: unknown): Decision | null {
  return Decision.safeParse(stored).data ?? null;
}

function namesIn({ choices }: Omit<Explanation, 'accounts'>, { labelOf }: DecisionsApiParts): Record<string, string> {
  const ids = choices.flatMap(({ accountId, decision }) => [
    ...(accountId === null ? [] : [accountId]),
    ...(decision?.candidates ?? []).map((candidate) => candidate.accountId),
  ]);
  return Object.fromEntries(
    [...new Set(ids)].flatMap((id) => {
      const label = labelOf(id);
      return label === undefined ? [] : [[id, label] as const];
    }),
  );
}
