/** Requests and the choices behind them, as the command line prints them. */
import type { CompressionFacts, Decision, DecisionCandidate, Explanation, RequestLine } from '../contract/decisions.ts';
import { refusalOfLimit } from '../contract/limit-words.ts';
import type { LimitRefusal } from '../contract/limits.ts';
import {
  continuationReasons,
  decisionGrounds,
  exclusionReasons,
  outputKinds,
  outputSkips,
  requestStatuses,
  routeSteps,
} from '../contract/vocabulary.ts';
import type { ExclusionReason } from '../contract/vocabulary.ts';
import { windowName } from './account-text.ts';
import { counted, printable, renderDuration, renderMoment, renderTable } from './plain-text.ts';

export function renderRequestTable(requests: readonly RequestLine[]): string {
  return renderTable([
    ['TIME', 'STATUS', 'ACCOUNT', 'MODEL', 'TOKENS', 'COST', 'TOOK', 'SAVED', 'KEY', 'ERROR', 'ID'],
    ...requests.map((request) => [
      request.admittedAt.toISOString().slice(0, 19).replace('T', ' '),
      requestStatuses[request.status],
      request.accountLabel ?? '-',
      request.model ?? '-',
      request.totalTokens === null ? '-' : String(request.totalTokens),
      request.costMicros === null ? '-' : `$${(Number(request.costMicros) / 1e6).toFixed(4)}`,
      request.totalMs === null ? '-' : `${(request.totalMs / 1000).toFixed(1)} s`,
      request.compression === null ? '-' : String(savedTokens(request.compression)),
      request.keyName,
      request.errorCode ?? '',
      request.requestId,
    ]),
  ]);
}

/** The way step by step, then each choice with one line per account, the chosen one first. */
export function renderExplanation({ request, steps, limit, choices, accounts }: Explanation): string {
  const { model, keyName, keyPrefix, requestedTier, reasoningEffort, status, errorCode } = request;
  const asked = [model ?? 'an unnamed model', requestedTier && `tier ${requestedTier}`, reasoningEffort];
  const became = [status && requestStatuses[status], errorCode].filter(Boolean).join(', ');
  const head = `${asked.filter(Boolean).join(', ')} for the key ${keyName} (${keyPrefix})${became ? `: ${became}` : ''}`;
  const way = steps.map(({ step, outcome, code, left }) => [
    routeSteps[step],
    outcome === 'not_reached' ? '-' : left === null ? (outcome === 'passed' ? 'yes' : 'no') : String(left),
    code ?? '',
  ]);
  const shown = choices.map((choice) => renderChoice(choice, accounts));
  const refusal = limit ? [renderLimit(limit, request.at)] : [];
  const shortening = request.compression ? renderCompression(request.compression) : '';
  const table = renderTable([['STEP', 'RESULT', ''], ...way]);
  return [`${printable(head)}\n${shortening}`, table, ...refusal, ...shown].join('\n');
}

/** The words that a client would be told, and when to come back. */
function renderLimit(limit: LimitRefusal, now: Date): string {
  const again =
    limit.freeAt === null
      ? 'It never has room for such a request.'
      : `There is room for it again ${renderMoment(limit.freeAt, now)}, at ${limit.freeAt.toISOString()}.`;
  return `The limit: ${printable(refusalOfLimit(limit))} ${again}\n`;
}

const savedTokens = ({ tokensBefore, tokensAfter }: CompressionFacts) => tokensBefore - tokensAfter;

/** What became of its tool outputs, in counts. */
function renderCompression(facts: CompressionFacts): string {
  const { shortened, skipped, bytesBefore, bytesAfter } = facts;
  const less = `${counted(bytesBefore - bytesAfter, 'byte')} and ${counted(savedTokens(facts), 'token')} less`;
  return [
    `Tool outputs shortened: ${listOf(shortened, outputKinds) || 'none'}; ${less}.\n`,
    Object.keys(skipped).length === 0 ? '' : `Left as they were: ${listOf(skipped, outputSkips)}.\n`,
  ].join('');
}

function listOf<Word extends string>(
  counts: Readonly<Partial<Record<Word, number>>>,
  labels: Readonly<Record<Word, string>>,
): string {
  const words = Object.keys(counts) as Word[];
  return words.map((word) => `${counts[word]} × ${labels[word]}`).join(', ');
}

type Names = Explanation['accounts'];

function renderChoice(
  { attempt, accountId, decision, ...became }: Explanation['choices'][number],
  names: Names,
): string {
  const nameOf = (id: string) => names[id] ?? id;
  const after = [became.status, became.errorCode, became.retryReason].filter(Boolean).join(', ');
  const title = attempt === null ? 'Choice' : `Attempt ${attempt}`;
  const whom = accountId === null ? 'nobody' : nameOf(accountId);
  const head = `${title}: ${whom}${after ? ` (${after})` : ''}`;
  if (!decision) return `${printable(head)}\n  There is no record of a choice.\n`;
  const rows = decision.candidates.map((candidate) => [
    candidate.rank === null ? '' : String(candidate.rank),
    nameOf(candidate.accountId),
    wordsOn(candidate),
    limitsOf(candidate),
  ]);
  return [
    `${printable(head)}\n${groundsOf(decision)}`,
    renderTable([['', 'ACCOUNT', 'WHY', 'LIMITS THEN'], ...rows]),
    unnamedOf(decision),
  ].join('');
}

function groundsOf({ decidedBy, strategy, eligible, total, continuity }: Decision): string {
  const ground = decidedBy === null ? 'nobody may serve it' : decisionGrounds[decidedBy];
  const past = continuity === 'none' ? '' : ` ${continuationReasons[continuity]}.`;
  return `  Decided: ${ground}.${past} ${counted(total, 'account')}, ${eligible} may serve; strategy ${strategy}.\n`;
}

function wordsOn(candidate: DecisionCandidate): string {
  const { rank, reason, endsInSeconds, isPreferred, isDemoted, isReserve, circuit } = candidate;
  const ends = endsInSeconds === null ? '' : ` (for ${renderDuration(endsInSeconds * 1000)} more)`;
  const main = reason !== null ? exclusionReasons[reason] + ends : rank === 1 ? 'chosen' : 'would be next';
  const others = [
    isPreferred && 'served the conversation last',
    isDemoted && 'failed just now',
    isReserve && 'at its floor',
    circuit === 'half_open' && 'being tried again',
  ];
  return [main, ...others.filter((word) => word !== false)].join('; ');
}

function limitsOf({ limits }: DecisionCandidate): string {
  return limits
    .map(({ meter, windowMinutes, usedPercent, ageSeconds }) => {
      const name = windowName({ meter, windowMinutes });
      return `${name} ${Math.round(usedPercent)}% (${renderDuration(ageSeconds * 1000)} old)`;
    })
    .join(', ');
}

/** Of the accounts that had no room in the record only how many there were is known. */
function unnamedOf({ candidates, excluded, total }: Decision): string {
  if (candidates.length >= total) return '';
  const reasons = Object.entries(excluded) as [ExclusionReason, number][];
  const rows = reasons.map(([reason, count]) => [`  ${count} ×`, exclusionReasons[reason]]);
  const head = `  ${counted(total - candidates.length, 'more account')} without a line of their own. Left out in all:\n`;
  return rows.length === 0 ? head : head + renderTable(rows);
}
