/** `pool list`: which accounts answer which keys. */
import type { Command } from 'commander';
import { pools } from '../contract/pools.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { renderTable } from './plain-text.ts';

export function addPoolCommands(program: Command, cli: Cli): void {
  const group = addCommandGroup(program, { name: 'pool', description: 'Pools: list', heading: 'Keys and pools:' });

  group
    .command('list')
    .description('Show every pool with what is in it')
    .action(async () => {
      const { pools: all } = await cli.withEndpoints(({ call }) => call(pools.list, {}));
      const rows = all.map((pool) => [
        pool.slug,
        pool.name,
        pool.isDisabled ? 'Disabled' : 'Active',
        String(pool.accountCount),
        String(pool.keyCount),
      ]);
      cli.show({ json: { pools: all }, text: renderTable([['POOL', 'NAME', 'STATE', 'ACCOUNTS', 'KEYS'], ...rows]) });
    });
}
