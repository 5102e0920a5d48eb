/** `account import`, `list`, `refresh`, `pause`, `resume`, `remove`: the ChatGPT accounts that answer. */
import type { Command } from 'commander';
import { accounts, type Account } from '../contract/accounts.ts';
import { addResetCommands } from './account-resets.ts';
import { renderAccountFacts, renderAccountTable } from './account-text.ts';
import type { Cli, Shown } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { confirm } from './confirm.ts';
import { printable } from './plain-text.ts';
import { readAuthFile } from './read-auth-file.ts';

/** Refresh tokens are single use and renewed by whoever holds them (wire spec B4, B6). */
const rotationWarning = `
From now on this sign-in belongs to Codex Pooler. Every renewal replaces its refresh token, so do not go on using the
same auth.json elsewhere: sooner or later one of the two would be signed out. For the Codex CLI on this machine, make
a separate sign-in ("codex login" again), or let it use a key of the pool ("codex-pooler key create").
`;

export function addAccountCommands(program: Command, cli: Cli): void {
  const description = 'ChatGPT accounts: import, list, refresh, pause, resume, remove, resets, redeem, reset-policy';
  const group = addCommandGroup(program, { name: 'account', description, heading: 'Accounts:' });

  addResetCommands(group, cli);
  group
    .command('import')
    .argument('<auth.json>', 'file that "codex login" wrote, usually ~/.codex/auth.json; - reads standard input')
    .description('Link a ChatGPT account from the auth.json of a Codex sign-in')
    .option('--pool <slug>', 'pool to place it in', 'default')
    .option('--label <text>', 'name to show; its e-mail address when absent')
    .action(async (path: string, options: { pool: string; label?: string }) => {
      cli.show(await importAccount(cli, { path, ...options }));
    });

  group
    .command('list')
    .description('Show every account with its state and limits')
    .action(async () => {
      const { accounts: all } = await cli.withEndpoints(({ call }) => call(accounts.list, {}));
      const none = 'No account is linked yet. Link one with: codex-pooler account import ~/.codex/auth.json\n';
      cli.show({ json: { accounts: all }, text: all.length === 0 ? none : renderAccountTable(all, cli.clock.now()) });
    });

  group
    .command('refresh')
    .argument('<account>', 'its name, e-mail or id')
    .description('Renew its token now and read its limits and models again')
    .action(async (account: string) => {
      const refreshed = await cli.withEndpoints(({ call }) => call(accounts.refresh, { account }));
      const text = `Refreshed ${printable(refreshed.account.label)}.\n${renderAccountFacts(refreshed, cli.clock.now())}`;
      cli.show({ json: refreshed, text });
    });

  group
    .command('pause')
    .argument('<account>', 'its name, e-mail or id')
    .description('Let it serve no new request until it is resumed; running ones end by themselves')
    .action(async (account: string) => {
      const paused = await cli.withEndpoints(({ call }) => call(accounts.pause, { account }));
      const label = printable(paused.account.label);
      const text = `Paused ${label}: it serves no new request. Resume it with: codex-pooler account resume ${printable(account)}\n`;
      cli.show({ json: paused, text });
    });

  group
    .command('resume')
    .argument('<account>', 'its name, e-mail or id')
    .description('Let a paused account serve again, and read its limits and models')
    .action(async (account: string) => {
      const resumed = await cli.withEndpoints(({ call }) => call(accounts.resume, { account }));
      const text = `Resumed ${printable(resumed.account.label)}.\n${renderAccountFacts(resumed, cli.clock.now())}`;
      cli.show({ json: resumed, text });
    });

  group
    .command('remove')
    .argument('<account>', 'its name, e-mail or id')
    .description('Forget an account and its tokens')
    .option('-y, --yes', 'do not ask')
    .action(async (account: string, { yes = false }: { yes?: boolean }) => {
      await confirm(cli.terminal, { yes, deed: `This removes the account ${printable(account)} and its tokens.` });
      const removed = await cli.withEndpoints(({ call }) => call(accounts.remove, { account }));
      cli.show({ json: removed, text: `Removed ${printable(removed.account.label)}.\n` });
    });
}

async function importAccount(cli: Cli, ask: { path: string; pool: string; label?: string }): Promise<Shown> {
  const authJson = await readAuthFile(ask.path, cli);
  const { pool, label } = ask;
  const imported = await cli.withEndpoints(({ call }) =>
    call(accounts.import, { authJson, pool, ...(label === undefined ? {} : { label }) }),
  );
  const facts = renderAccountFacts(imported, cli.clock.now());
  return { json: imported, text: `${headline(imported, pool)}\n${facts}${rotationWarning}` };
}

function headline({ account, wasKnown }: { account: Account; wasKnown: boolean }, pool: string): string {
  const name = printable(account.label);
  return wasKnown
    ? `${name} was linked already; its sign-in is now the newer of the two.`
    : `Linked ${name} in the pool ${printable(pool)}.`;
}
