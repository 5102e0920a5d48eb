/** `account resets`, `account redeem`, `account reset-policy`: the saved resets of an account. */
import { InvalidArgumentError, type Command } from 'commander';
import { ResetPolicy, resets, type ResetBank } from '../contract/resets.ts';
import { resetCauses, resetOutcomes } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { CommandProblem, exitCodes } from './command-problem.ts';
import { confirm } from './confirm.ts';
import { counted, printable, renderDuration } from './plain-text.ts';

const accountText = 'its name, e-mail or id';

/** Adds the commands to the group `account`. */
export function addResetCommands(group: Command, cli: Cli): void {
  group
    .command('resets')
    .argument('<account>', accountText)
    .description('Show its saved resets with their expiry, what was spent, and what may be spent by itself')
    .action(async (account: string) => {
      const shown = await cli.withEndpoints(({ call }) => call(resets.show, { account }));
      cli.show({ json: shown, text: renderBank(shown.bank, cli.clock.now()) });
    });

  group
    .command('redeem')
    .argument('<account>', accountText)
    .description('Spend one saved reset: its limits are emptied now')
    .option('-y, --yes', 'do not ask')
    .option('--attempt <uuid>', 'go on with this attempt: the same id never spends two')
    .action(async (account: string, { yes = false, attempt }: { yes?: boolean; attempt?: string }) => {
      await confirm(cli.terminal, { yes, deed: `This spends a saved reset of the account ${printable(account)}.` });
      await confirm(cli.terminal, { yes, deed: 'A saved reset is worth money and does not come back.' });
      // Named before it is sent, so that a try whose answer is lost can be asked for again.
      const attemptId = attempt ?? cli.random.id();
      const redeemed = await cli.withEndpoints(({ call }) => call(resets.redeem, { account, attemptId }));
      cli.show({ json: redeemed, text: renderRedeemed(redeemed, cli.clock.now()) });
    });

  group
    .command('reset-policy')
    .argument('<account>', accountText)
    .description('Say when a saved reset may be spent without asking')
    .option('--auto <on|off>', 'spend one when every account is out by its weekly limit alone', readSwitch)
    .option('--keep <number>', 'never go below so many', readerOf('keepCredits'))
    .option('--min-blocked <minutes>', 'leave it to a reset that is nearer than this', readerOf('minBlockedMinutes'))
    .action(async (account: string, options: { auto?: boolean; keep?: number; minBlocked?: number }) => {
      const { auto: isAutomatic, keep: keepCredits, minBlocked: minBlockedMinutes } = options;
      const named = Object.entries({ isAutomatic, keepCredits, minBlockedMinutes });
      const changes = Object.fromEntries(named.filter(([, value]) => value !== undefined)) as Partial<ResetPolicy>;
      if (Object.keys(changes).length === 0) {
        const sentence = 'Say what to change, for example --auto on.';
        throw new CommandProblem('nothing_to_change', { sentence, exitCode: exitCodes.usage });
      }
      const changed = await cli.withEndpoints(({ call }) => call(resets.change, { account, changes }));
      cli.show({ json: changed, text: `${policyText(changed.bank.policy)}\n` });
    });
}

function readSwitch(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new InvalidArgumentError('It is on or off.');
}

function readerOf(field: 'keepCredits' | 'minBlockedMinutes'): (text: string) => number {
  const { minValue, maxValue } = ResetPolicy.shape[field];
  return (text) => {
    const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (ResetPolicy.shape[field].safeParse(number).success) return number;
    throw new InvalidArgumentError(`It is a whole number from ${minValue} to ${maxValue}.`);
  };
}

function policyText({ isAutomatic, keepCredits, minBlockedMinutes }: ResetPolicy): string {
  if (!isAutomatic) return 'Nothing is spent without asking.';
  const kept = keepCredits === 0 ? '' : `, but never below ${keepCredits}`;
  return `One is spent by itself when only weekly limits are in the way for ${minBlockedMinutes} min or longer${kept}.`;
}

const effects = {
  pending: 'Its effect is not seen yet: no limit was read since.',
  confirmed: 'The limits read since show its effect.',
  still_blocked: 'The limits read since still show a used up week.',
} as const;

function renderBank({ account, policy, readAt, credits, redemptions, effect }: ResetBank, now: Date): string {
  const available = credits.filter(({ status }) => status === 'available');
  const age = readAt === null ? 'never read' : `read ${renderDuration(now.getTime() - readAt.getTime())} ago`;
  const lines = [
    `${printable(account.label)}: ${counted(available.length, 'saved reset')} (${age})`,
    ...available.map(({ expiresAt }) => `  ${expiryText(expiresAt, now)}`),
    policyText(policy),
    ...redemptions.map(
      ({ startedAt, cause, outcome }) =>
        `  ${startedAt.toISOString()}  ${outcome ? resetOutcomes[outcome] : 'Nobody knows yet how it ended'}  (${resetCauses[cause]})`,
    ),
    ...(effect === null ? [] : [effects[effect]]),
  ];
  return `${lines.join('\n')}\n`;
}

function expiryText(expiresAt: Date | null, now: Date): string {
  if (expiresAt === null) return 'does not say when it expires';
  const leftMs = expiresAt.getTime() - now.getTime();
  return leftMs > 0 ? `expires in ${renderDuration(leftMs)}` : 'has expired';
}

function renderRedeemed(
  { redemption, bank }: { redemption: ResetBank['redemptions'][number]; bank: ResetBank },
  now: Date,
): string {
  const { id, outcome } = redemption;
  const ended = outcome
    ? `${resetOutcomes[outcome]}.`
    : `Nobody knows yet how it ended. Ask again with: account redeem <account> --attempt ${id}`;
  return `${ended}\n${renderBank(bank, now)}`;
}
