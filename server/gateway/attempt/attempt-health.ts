/**
 * What attempts teach about where to send the next request: circuits, demotions, refused models and whether anybody can
 * be reached at all, behind one door. Choosing looks through it, each attempt takes a pass and says how it ended.
 */
import {
  createCircuitBoard,
  type CircuitBoard,
  type CircuitRow,
  type CircuitToken,
  type CircuitScope,
} from '../../accounts/circuit-board.ts';
import type { AccountFacts } from '../../accounts/account.ts';
import type { CircuitBlock, CircuitRules, CircuitStatus, HealthOutcome } from '../../accounts/circuit.ts';
import { createDemotions, type Demotions } from '../../accounts/demotions.ts';
import { createModelRefusals, type ModelRefusal, type ModelRefusals } from '../../accounts/model-refusals.ts';
import { createOutageWatch, type OutageBlock, type OutageWatch } from '../../accounts/outage.ts';
import type { Clock, Log } from '../../world/world.ts';
import { faultRow, type Fault } from './faults.ts';
import { faultOfEnding, outcomeOfEnding, outcomeOfFault, type EndingFacts } from './outcome-of-fault.ts';

/** Why an account takes no call of this kind now. */
export interface HealthBlock {
  readonly code: CircuitBlock['reason'] | OutageBlock['reason'] | 'model_refused';
  /** When it ends by itself; null when that depends on a call under way. */
  readonly until: Date | null;
}

/** The scope of a circuit, and the key that asks: demotions are per key. */
export interface HealthScope extends CircuitScope {
  readonly keyId: string;
}

/** The right to one attempt. Whatever happens, one of `failed`, `ended` and `release` must follow; the first counts. */
export interface AttemptPass {
  /** The answer is committed: its end may be minutes away, but others need not wait for it. */
  answerBegan(): void;
  /** The attempt failed before its answer. */
  failed(fault: Fault): void;
  /** The attempt's answer, or the attempt itself, is over. */
  ended(facts: EndingFacts): void;
  /** Nothing was learned. */
  release(): void;
}

export type HealthAdmission =
  | { readonly kind: 'admitted'; readonly pass: AttemptPass }
  | ({ readonly kind: 'refused' } & HealthBlock);

/** All accounts as one choice sees them, at one moment. */
export interface HealthView {
  /** Why the account is out, or null. Instant for those without trouble. */
  blocked(account: Pick<AccountFacts, 'id' | 'held'>): HealthBlock | null;
  /** How its circuit stands. */
  circuit(accountId: string): CircuitStatus;
  /** Accounts that go last; an order, never an exclusion. */
  readonly demoted: ReadonlySet<string>;
}

export interface AttemptHealth {
  /** @param now - The choice's own reading of the wall clock, by which the ends are told. */
  look(ask: Omit<HealthScope, 'accountId'>, now: Date): HealthView;
  /** Takes the right to call. A refusal means that another request was faster since the choice: choose again. */
  begin(scope: HealthScope): HealthAdmission;
  /** The account was removed, signed in again, or has another plan: what it did before says nothing about it. */
  forget(accountId: string): void;
  /** The machine slept since `sinceMs` (monotonic): what broke in that time was no account's fault. */
  forgiveSince(sinceMs: number): void;
  snapshot(): {
    readonly circuits: readonly CircuitRow[];
    readonly refusedModels: readonly ModelRefusal[];
    readonly outage: { readonly sinceMs: number | null; readonly nextLookMs: number | null };
  };
}

export interface AttemptHealthOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly log: Log;
  readonly rules?: () => CircuitRules;
  /** Told whenever it may have changed whether a circuit of the account is not closed, or a model was refused to it. */
  readonly onTrouble?: (accountId: string, isTroubled: boolean) => void;
}

/** @example const admission = health.begin(scope); if (admission.kind === 'refused') …choose again… */
export function createAttemptHealth({
  clock,
  log,
  rules,
  onTrouble = () => undefined,
}: AttemptHealthOptions): AttemptHealth {
  const noteTrouble = (accountId: string): void =>
    onTrouble(accountId, circuits.isTroubled(accountId) || refusals.isAbout(accountId));
  const refusals = createModelRefusals({ onTrouble: noteTrouble });
  const circuits = createCircuitBoard({
    clock,
    ...(rules && { rules }),
    onTrouble: noteTrouble,
    onChange: ({ poolId, accountId, routeClass }, { to }) =>
      log.info('circuit_changed', { poolId, accountId, routeClass, status: to }),
  });
  const outage = createOutageWatch({
    clock,
    onDown(sinceMs) {
      log.warn('network_down');
      forgiveSince(sinceMs);
    },
    onUp: () => log.info('network_up'),
  });
  const boards: Boards = { clock, circuits, outage, demotions: createDemotions(), refusals };
  const { demotions } = boards;

  function forgiveSince(sinceMs: number): void {
    circuits.forgiveSince(sinceMs);
    demotions.forgive({ sinceMs, nowMs: clock.monotonicMs() });
  }

  return {
    begin(scope) {
      const at = { now: clock.now(), nowMs: clock.monotonicMs() };
      const block = blockOf(scope, { boards, nowMs: at.nowMs }) ?? outage.begin(scope.accountId);
      if (block) return { kind: 'refused', ...told(block, at) };
      const admission = circuits.begin(scope);
      if (admission.kind === 'refused') return { kind: 'refused', ...told(admission, at) };
      return { kind: 'admitted', pass: createPass(boards, { scope, token: admission.token }) };
    },

    look(ask, now) {
      const at = { now, nowMs: clock.monotonicMs() };
      const { poolId, model, routeClass } = ask;
      const moment = { boards, nowMs: at.nowMs };
      const isDown = outage.isDown(at.nowMs);
      return {
        blocked({ id: accountId, held }) {
          if (!held.isTroubled && !isDown) return null;
          const block = blockOf({ poolId, accountId, model, routeClass }, moment);
          return block && told(block, at);
        },
        circuit: (accountId) => circuits.statusOf({ poolId, accountId, model, routeClass }),
        demoted: demotions.demotedIn(ask, at.nowMs),
      };
    },

    forget(accountId) {
      circuits.forget(accountId);
      refusals.forget(accountId);
      demotions.forget({ accountId, nowMs: clock.monotonicMs() });
    },

    forgiveSince,

    snapshot: () => ({
      circuits: circuits.snapshot(),
      refusedModels: refusals.snapshot(clock.monotonicMs()),
      outage: outage.snapshot(),
    }),
  };
}

interface Boards {
  readonly clock: AttemptHealthOptions['clock'];
  readonly circuits: CircuitBoard;
  readonly outage: OutageWatch;
  readonly demotions: Demotions;
  readonly refusals: ModelRefusals;
}

interface Block {
  readonly reason: HealthBlock['code'];
  readonly untilMs: number | null;
}

/** Lasting reasons first: they tell an operator more than a passing one. */
function blockOf(scope: CircuitScope, { boards, nowMs }: { boards: Boards; nowMs: number }): Block | null {
  const { circuits, outage, refusals } = boards;
  const untilMs = refusals.refusedUntil(scope.accountId, { model: scope.model, nowMs });
  if (untilMs !== null) return { reason: 'model_refused', untilMs };
  return circuits.blocked(scope, nowMs) ?? outage.blocked(scope.accountId, nowMs);
}

/** Ends are kept on the monotonic clock and told on the other, by one reading of both. */
function told({ reason, untilMs }: Block, { now, nowMs }: { now: Date; nowMs: number }): HealthBlock {
  return { code: reason, until: untilMs === null ? null : new Date(now.getTime() + untilMs - nowMs) };
}

function createPass(boards: Boards, { scope, token }: { scope: HealthScope; token: CircuitToken }): AttemptPass {
  const { clock, circuits, outage, demotions, refusals } = boards;
  const { accountId, model } = scope;
  let isOver = false;

  function complete(outcome: HealthOutcome): void {
    isOver = true;
    const nowMs = clock.monotonicMs();
    const counted = outcome === 'failure' && outage.isDown(nowMs) ? 'neutral' : outcome;
    circuits.complete(token, counted);
    if (counted === 'failure') demotions.demote(scope, { accountId, nowMs });
    if (counted !== 'success') return;
    demotions.resolve(scope, accountId);
    refusals.resolve(accountId, model);
  }

  function noteRefusedModel(fault: Fault): void {
    if (faultRow(fault.kind).subject === 'model') refusals.refuse({ accountId, model, nowMs: clock.monotonicMs() });
  }

  return {
    answerBegan() {
      outage.reached();
      circuits.answerBegan(token);
    },
    failed(fault) {
      if (isOver) return;
      if (fault.upstreamStatus !== null) outage.reached();
      if (fault.kind === 'connect_failed') outage.connectFailed(accountId);
      noteRefusedModel(fault);
      complete(outcomeOfFault(fault));
    },
    ended(facts) {
      if (isOver) return;
      const fault = faultOfEnding(facts);
      if (fault) noteRefusedModel(fault);
      complete(outcomeOfEnding(facts));
    },
    release() {
      if (!isOver) complete('neutral');
    },
  };
}
