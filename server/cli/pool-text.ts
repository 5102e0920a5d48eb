/** Pools as the command line prints them. */
import type { Account } from '../contract/accounts.ts';
import { defaultPoolRouting, type Pool, type PoolRouting } from '../contract/pools.ts';
import { accountStatuses, servingModes } from '../contract/vocabulary.ts';
import { counted, printable, renderTable } from './plain-text.ts';
import { routingLabels } from './pool-routing-options.ts';

export function renderPoolTable(pools: readonly Pool[]): string {
  return renderTable([
    ['POOL', 'NAME', 'STATE', 'STRATEGY', 'ACCOUNTS', 'KEYS'],
    ...pools.map((pool) => [
      pool.slug,
      pool.name,
      stateOf(pool),
      pool.routing.strategy,
      String(pool.accountCount),
      String(pool.keyCount),
    ]),
  ]);
}

/** One Pool with how it routes and who is in it. */
export function renderPool(pool: Pool, members: readonly Account[]): string {
  const keys = counted(pool.keyCount, 'key');
  const parts = [`${printable(pool.name)} (${pool.slug}): ${stateOf(pool)}, ${keys}\n`, renderRouting(pool.routing)];
  const modes = Object.entries(pool.servingModes).map(([model, mode]) => [model, servingModes[mode]]);
  if (modes.length > 0) parts.push(renderTable([['MODEL', 'SERVED'], ...modes]));
  const rows = members.map(({ label, plan, status }) => [label, plan ?? '', accountStatuses[status]]);
  parts.push(
    rows.length > 0
      ? renderTable([['ACCOUNT', 'PLAN', 'STATE'], ...rows])
      : `No account is in it yet. Add one with: codex-pooler pool add-account ${pool.slug} <account>\n`,
  );
  return parts.join('\n');
}

function renderRouting(routing: PoolRouting): string {
  const fields = Object.keys(routingLabels) as (keyof typeof routingLabels)[];
  return renderTable([
    ['ROUTING', 'VALUE', 'CHANGED', 'WHAT IT IS'],
    ...fields.map((field) => [
      field,
      valueText(routing[field]),
      routing[field] === defaultPoolRouting[field] ? '' : `default ${valueText(defaultPoolRouting[field])}`,
      routingLabels[field],
    ]),
  ]);
}

function valueText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

function stateOf({ isDisabled }: Pool): string {
  return isDisabled ? 'Disabled' : 'Active';
}
