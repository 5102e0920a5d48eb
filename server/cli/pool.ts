/** `pool create`, `list`, `show`, `set`, …: which accounts answer which keys, and how a Pool chooses among them. */
import { Argument, type Command } from 'commander';
import { accounts } from '../contract/accounts.ts';
import { memberships } from '../contract/memberships.ts';
import { pools, routing, type Pool } from '../contract/pools.ts';
import { servingModes, type ServingMode } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { CommandProblem, exitCodes } from './command-problem.ts';
import { printable } from './plain-text.ts';
import { addRoutingOptions, routingOf } from './pool-routing-options.ts';
import { renderPool, renderPoolTable } from './pool-text.ts';

const slugText = 'its short name, as "pool list" shows it';

export function addPoolCommands(program: Command, cli: Cli): void {
  const description = 'Pools: create, list, show, set, serve, disable, enable, add-account, remove-account';
  const group = addCommandGroup(program, { name: 'pool', description, heading: 'Keys and pools:' });
  addLooks(group, cli);
  addChanges(group, cli);
  addServingModes(group, cli);
  addSwitches(group, cli);
  addMemberships(group, cli);
}

function addLooks(group: Command, cli: Cli): void {
  group
    .command('list')
    .description('Show every pool with what is in it')
    .action(async () => {
      const { pools: all } = await cli.withEndpoints(({ call }) => call(pools.list, {}));
      cli.show({ json: { pools: all }, text: renderPoolTable(all) });
    });

  group
    .command('show')
    .argument('<pool>', slugText)
    .description('Show one pool: how it routes and which accounts are in it')
    .action(async (slug: string) => {
      const [listed, linked] = await cli.withEndpoints(({ call }) =>
        Promise.all([call(pools.list, {}), call(accounts.list, {})]),
      );
      const pool = listed.pools.find((each) => each.slug === slug);
      if (!pool) throw noSuchPool();
      const members = linked.accounts.filter((each) => each.pools.includes(slug));
      cli.show({ json: { pool, accounts: members }, text: renderPool(pool, members) });
    });
}

type NameOptions = Readonly<Record<string, unknown>> & { readonly name?: string; readonly slug?: string };

function addChanges(group: Command, cli: Cli): void {
  const create = group
    .command('create')
    .argument('<name>', 'what it is for, e.g. "Night shift"')
    .description('Make a pool; accounts and keys are added afterwards')
    .option('--slug <slug>', 'its short name; made from the name when absent');
  addRoutingOptions(create).action(async (name: string, { slug, ...options }: NameOptions) => {
    const ask = { name, ...(slug === undefined ? {} : { slug }), routing: routingOf(options) };
    const created = await cli.withEndpoints(({ call }) => call(pools.create, ask));
    const next = `Add an account to it with: codex-pooler pool add-account ${created.pool.slug} <account>\n`;
    cli.show({ json: created, text: `Made the pool ${nameOf(created.pool)}.\n${next}` });
  });

  const set = group
    .command('set')
    .argument('<pool>', slugText)
    .description('Change its name or how it routes; it holds for requests that come after')
    .option('--name <text>', 'its name')
    .option('--slug <slug>', 'its short name');
  addRoutingOptions(set).action(async (slug: string, options: NameOptions) => {
    const changed = await cli.withEndpoints((endpoints) => change(endpoints, { slug, options }));
    cli.show({ json: changed, text: `Changed the pool ${nameOf(changed.pool)}.\n` });
  });
}

type Call = Parameters<Parameters<Cli['withEndpoints']>[0]>[0];

/** Routing first: should it be refused, the name by which to try again is still the one that was typed. */
async function change({ call }: Call, { slug, options }: { slug: string; options: NameOptions }) {
  const changes = routingOf(options);
  const { name, slug: newSlug } = options;
  const isRenamed = name !== undefined || newSlug !== undefined;
  if (Object.keys(changes).length === 0 && !isRenamed) {
    throw new CommandProblem('nothing_to_change', {
      sentence: 'Say what to change, for example --strategy soonest_reset. "codex-pooler pool set --help" shows all.',
      exitCode: exitCodes.usage,
    });
  }
  const routed = Object.keys(changes).length > 0 ? await call(routing.change, { pool: slug, changes }) : undefined;
  const renamed = isRenamed ? await call(pools.update, { pool: slug, name, slug: newSlug }) : undefined;
  return (renamed ?? routed)!;
}

function addServingModes(group: Command, cli: Cli): void {
  group
    .command('serve')
    .argument('<pool>', slugText)
    .argument('<model>', 'a model as the model list names it')
    .addArgument(new Argument('<mode>', 'auto takes the choice back').choices(Object.keys(servingModes)))
    .description('Choose the dialect in which clients are told to ask for a model')
    .action(async (slug: string, model: string, mode: ServingMode) => {
      const changed = await cli.withEndpoints(({ call }) => call(routing.serve, { pool: slug, model, mode }));
      const text = `${nameOf(changed.pool)} serves ${printable(model)}: ${servingModes[mode].toLowerCase()}.\n`;
      cli.show({ json: changed, text: `${text}Clients follow when they next read the model list.\n` });
    });
}

function addSwitches(group: Command, cli: Cli): void {
  group
    .command('disable')
    .argument('<pool>', slugText)
    .description('Stop its keys until it is enabled again')
    .action(async (pool: string) => {
      const changed = await cli.withEndpoints(({ call }) => call(pools.disable, { pool }));
      cli.show({
        json: changed,
        text: `Disabled ${nameOf(changed.pool)}. Its keys do not work until it is enabled.\n`,
      });
    });

  group
    .command('enable')
    .argument('<pool>', slugText)
    .description('Let its keys work again')
    .action(async (pool: string) => {
      const changed = await cli.withEndpoints(({ call }) => call(pools.enable, { pool }));
      cli.show({ json: changed, text: `Enabled ${nameOf(changed.pool)}.\n` });
    });
}

function addMemberships(group: Command, cli: Cli): void {
  const accountText = "the account's name, e-mail or id";
  group
    .command('add-account')
    .argument('<pool>', slugText)
    .argument('<account>', accountText)
    .description('Let an account serve this pool too; it stays in its other pools')
    .action(async (pool: string, account: string) => {
      const joined = await cli.withEndpoints(({ call }) => call(memberships.join, { account, pool }));
      const { label, pools: all } = joined.account;
      const deed = joined.wasMember ? 'was in the pool already' : `serves the pool ${printable(pool)} now`;
      cli.show({ json: joined, text: `${printable(label)} ${deed}. Its pools: ${all.join(', ')}.\n` });
    });

  group
    .command('remove-account')
    .argument('<pool>', slugText)
    .argument('<account>', accountText)
    .description('Take an account out of this pool; it stays linked')
    .action(async (pool: string, account: string) => {
      const left = await cli.withEndpoints(({ call }) => call(memberships.leave, { account, pool }));
      const { label, pools: all } = left.account;
      const deed = left.wasMember ? `no longer serves the pool ${printable(pool)}` : 'was not in the pool';
      cli.show({ json: left, text: `${printable(label)} ${deed}. Its pools: ${all.join(', ') || 'none'}.\n` });
    });
}

function nameOf({ name, slug }: Pool): string {
  return `${printable(name)} (${slug})`;
}

function noSuchPool(): CommandProblem {
  return new CommandProblem('pool_not_found', {
    sentence: 'There is no such pool. "codex-pooler pool list" shows them all.',
  });
}
