/** Accounts as the command line shows them. */
import type { z } from 'zod';
import type { Account, QuotaWindow, Reading as ReadingSchema } from '../contract/accounts.ts';
import { accountStatuses } from '../contract/vocabulary.ts';
import { counted, printable, renderDuration, renderMoment, renderTable } from './plain-text.ts';

type Reading = z.infer<typeof ReadingSchema>;

/** The meter that limits every model of an account. */
const accountMeter = 'codex';

/** `5 h` and `weekly` are the windows people know (wire spec A10); others are named by their length. */
export function windowName({ meter, windowMinutes }: Pick<QuotaWindow, 'meter' | 'windowMinutes'>): string {
  const length =
    windowMinutes === 10_080
      ? 'weekly'
      : windowMinutes === 43_200
        ? 'monthly'
        : windowMinutes === 0
          ? 'limit'
          : renderDuration(windowMinutes * 60_000);
  return meter === accountMeter ? length : `${meter} ${length}`;
}

/**
 * `12% used, resets in 3 h 20 min`, and how old that is when it is old. A reset in the past means that the window has
 * emptied since it was read.
 */
function windowState({ usedPercent, resetAt, observedAt, freshness }: QuotaWindow, now: Date): string {
  if (resetAt !== null && resetAt <= now)
    return `empty again since ${renderDuration(now.getTime() - resetAt.getTime())}`;
  const reset = resetAt === null ? '' : `, resets in ${renderDuration(resetAt.getTime() - now.getTime())}`;
  const age = freshness === 'stale' ? `, read ${renderDuration(now.getTime() - observedAt.getTime())} ago` : '';
  return `${Math.round(usedPercent)}% used${reset}${age}`;
}

/** What can be spent beyond the limits, or null when there is nothing to say. */
function creditState(credits: Account['credits']): string | null {
  if (credits?.unlimited) return 'without limit';
  return credits?.hasCredits ? (credits.balance ?? 'some') : null;
}

/** Limits and models of one account, a line each. */
export function renderAccountFacts(
  { account, quotaReading, modelsReading }: { account: Account; quotaReading: Reading; modelsReading: Reading },
  now: Date,
): string {
  const lines: [string, string][] = [
    ['plan', account.plan ?? 'not known yet'],
    ...account.quota.map((window): [string, string] => [windowName(window), windowState(window, now)]),
    ['models', modelsReading.ok ? counted(account.models.length, 'model') : problemText(modelsReading)],
  ];
  if (!quotaReading.ok) lines.push(['limits', problemText(quotaReading)]);
  else if (account.quota.length === 0) lines.push(['limits', 'none reported']);
  const credits = creditState(account.credits);
  if (credits !== null) lines.push(['credits', credits]);
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `  ${printable(name).padEnd(width)}  ${printable(text)}\n`).join('');
}

function problemText({ problem }: Reading): string {
  return `could not be read: ${problem ?? 'no reason was given'}`;
}

/** One row per account, one column per limit that any of them has. */
export function renderAccountTable(accounts: readonly Account[], now: Date): string {
  const windows = accounts.flatMap(({ quota }) => quota).toSorted(byMeterAndLength);
  const columns = [...new Set(windows.map(windowName))];
  const cell = (account: Account, column: string) => {
    const window = account.quota.find((each) => windowName(each) === column);
    if (!window) return '-';
    if (window.resetAt !== null && window.resetAt <= now) return '0%';
    const reset = window.resetAt ? ` (${renderDuration(window.resetAt.getTime() - now.getTime())})` : '';
    return `${Math.round(window.usedPercent)}%${reset}`;
  };
  const table = renderTable([
    ['ACCOUNT', 'PLAN', 'STATE', ...columns.map((name) => name.toUpperCase()), 'MODELS', 'POOLS', 'ID'],
    ...accounts.map((account) => [
      account.label,
      account.plan ?? '-',
      accountStatuses[account.status],
      ...columns.map((column) => cell(account, column)),
      account.modelsFetchedAt ? String(account.models.length) : '-',
      account.pools.join(', ') || '-',
      account.id,
    ]),
  ]);
  return table + accounts.flatMap((account) => limitsProblemOf(account, now) ?? []).join('');
}

/** Limits that could not be read are old, and whoever looks at them should know why. */
function limitsProblemOf({ label, limitsAskedAt, limitsProblem }: Account, now: Date): string | null {
  if (limitsProblem === null) return null;
  return `\nLimits of ${printable(label)} were asked for ${renderMoment(limitsAskedAt, now)}: ${printable(limitsProblem)}\n`;
}

/** The account's own limits before those of single models, short windows before long ones. */
function byMeterAndLength(a: QuotaWindow, b: QuotaWindow): number {
  if (a.meter === b.meter) return a.windowMinutes - b.windowMinutes;
  if (a.meter === accountMeter) return -1;
  return b.meter === accountMeter || a.meter > b.meter ? 1 : -1;
}
