/** The way of a request to its account, step by step: where it was refused, and how many accounts each step left. Pure. */
import type { Decision, Explanation } from '../../contract/decisions.ts';
import type { ExclusionReason, RouteStep } from '../../contract/vocabulary.ts';

type Step = Explanation['steps'][number];

/** Errors that end a request before accounts are looked at. */
const stepOfError: Readonly<Record<string, RouteStep>> = {
  api_key_missing: 'key',
  api_key_revoked: 'key',
  api_key_paused: 'key',
  api_key_expired: 'key',
  api_key_moved: 'key',
  api_key_rotated: 'key',
  address_not_allowed: 'key',
  model_not_allowed: 'policy',
  reasoning_effort_not_allowed: 'policy',
  api_key_policy_malformed: 'policy',
  api_key_policy_limit_exceeded: 'limits',
};

/** Which step an account does not pass for this reason. */
const stepOfReason: Readonly<Record<ExclusionReason, RouteStep>> = {
  model_not_offered: 'model',
  tier_not_offered: 'model',
  streaming_not_offered: 'model',
  images_not_offered: 'model',
  tools_not_offered: 'model',
  reasoning_not_offered: 'model',
  model_refused: 'model',
  account_paused: 'account',
  account_removed: 'account',
  account_signed_out: 'account',
  account_token_expired: 'account',
  usage_limit_reached: 'account',
  cooling_down: 'account',
  pinned_elsewhere: 'account',
  already_tried: 'account',
  edge_back_off: 'circuit',
  circuit_open: 'circuit',
  circuit_probing: 'circuit',
  network_down: 'circuit',
  outside_ring: 'choice',
};

/** @param facts.decision - the first choice; null when it did not come to one */
export function routeStepsOf({ errorCode, decision }: { errorCode: string | null; decision: Decision | null }): Step[] {
  const end = errorCode === null ? undefined : stepOfError[errorCode];
  const steps: Step[] = [];
  let isOver = false;
  for (const step of ['key', 'policy', 'limits'] as const) {
    const isEnd = step === end;
    const outcome = isOver ? 'not_reached' : isEnd ? 'refused' : 'passed';
    steps.push({ step, outcome, code: isEnd ? errorCode : null, left: null });
    isOver ||= isEnd;
  }
  let left = decision?.total ?? 0;
  for (const step of ['model', 'account', 'circuit', 'choice'] as const) {
    if (isOver || !decision) {
      steps.push({ step, outcome: 'not_reached', code: null, left: null });
      continue;
    }
    left -= fallenAt(step, decision);
    if (step === 'choice') left = decision.decidedBy === null ? 0 : 1;
    isOver = left === 0;
    steps.push({ step, outcome: isOver ? 'refused' : 'passed', code: isOver ? errorCode : null, left });
  }
  return steps;
}

function fallenAt(step: RouteStep, { excluded }: Decision): number {
  const reasons = Object.entries(excluded) as [ExclusionReason, number][];
  return reasons.reduce((sum, [reason, count]) => (stepOfReason[reason] === step ? sum + count : sum), 0);
}
