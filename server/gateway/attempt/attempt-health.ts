/**
 * What attempts teach about where to send the next request: circuits, demotions, refused models and whether anybody can
 * be reached at all, behind one door. Choosing looks through it, each attempt takes a pass and says how it ended.
 */
import {
  createCircuitBoard,
  type CircuitBoard,
  type CircuitRow,
  type CircuitToken,
  type CircuitView,
} from '../../accounts/circuit-board.ts';
import type { AccountFacts } from '../../accounts/account.ts';
import type { CircuitKind, CircuitScope } from '../../accounts/circuit-scope.ts';
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
  /** Accounts that go last; an order, never an exclusion. Gathered when it is asked for: nobody asks where all are out. */
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
      const nowMs = clock.monotonicMs();
      const aheadMs = clock.now().getTime() - nowMs;
      const blockOf = blockerFor(scope, { boards, nowMs, ofKind: circuits.look(scope, nowMs) });
      const block = blockOf(scope.accountId) ?? outage.begin(scope.accountId);
      if (block) return { kind: 'refused', ...told(block, aheadMs) };
      const admission = circuits.begin(scope);
      if (admission.kind === 'refused') return { kind: 'refused', ...told(admission, aheadMs) };
      return { kind: 'admitted', pass: createPass(boards, { scope, token: admission.token }) };
    },

    look(ask, now) {
      const nowMs = clock.monotonicMs();
      const aheadMs = now.getTime() - nowMs;
      const ofKind = circuits.look(ask, nowMs);
      const blockOf = blockerFor(ask, { boards, nowMs, ofKind });
      const isDown = outage.isDown(nowMs);
      return {
        blocked({ id: accountId, held }) {
          if (!held.isTroubled && !isDown) return null;
          const block = blockOf(accountId);
          return block && told(block, aheadMs);
        },
        circuit: ofKind.statusOf,
        get demoted() {
          return demotions.demotedIn(ask, nowMs);
        },
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

/** Tells of each account what speaks against it. Lasting reasons first: they tell an operator more than a passing one. */
function blockerFor(
  kind: CircuitKind,
  { boards, nowMs, ofKind }: { boards: Boards; nowMs: number; ofKind: CircuitView },
): (accountId: string) => Block | null {
  const { outage, refusals } = boards;
  const ask = { model: kind.model, nowMs };
  return (accountId) => {
    const untilMs = refusals.refusedUntil(accountId, ask);
    if (untilMs !== null) return { reason: 'model_refused', untilMs };
    return ofKind.blocked(accountId) ?? outage.blocked(accountId, nowMs);
  };
}

/** Ends are kept on the monotonic clock and told on the other, by one reading of both. */
function told({ reason, untilMs }: Block, aheadMs: number): HealthBlock {
  return { code: reason, until: untilMs === null ? null : new Date(untilMs + aheadMs) };
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
