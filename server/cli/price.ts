/** `price list`, `price refresh`: what the use of accounts would cost at API prices. */
import type { Command } from 'commander';
import { prices, type PriceList } from '../contract/prices.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { counted, printable, renderMoment, renderTable } from './plain-text.ts';

export function addPriceCommands(program: Command, cli: Cli): void {
  const description = 'Equivalent API prices: list, refresh';
  const group = addCommandGroup(program, { name: 'price', description, heading: 'Look after it:' });

  group
    .command('list')
    .description('Show the API prices that use is compared with, and of when they are')
    .action(async () => {
      const listed = await cli.withEndpoints(({ call }) => call(prices.list, {}));
      cli.show({ json: listed, text: renderPrices(listed, cli.clock.now()) });
    });

  group
    .command('refresh')
    .description('Fetch the list from the address in the setting catalog.prices_url now')
    .action(async () => {
      const listed = await cli.withEndpoints(({ call }) => call(prices.refresh, {}));
      const models = new Set(listed.prices.map(({ model }) => model)).size;
      cli.show({ json: listed, text: `${counted(models, 'model')} priced, as of ${printable(listed.asOf)}.\n` });
    });
}

function renderPrices(list: PriceList, now: Date): string {
  const rate = (value: number | null) => (value === null ? '-' : String(value));
  const table = renderTable([
    ['MODEL', 'TIER', 'CONTEXT', 'INPUT', 'CACHED', 'CACHE WRITE', 'OUTPUT', 'REASONING'],
    ...list.prices.map((price) => [
      price.model,
      price.tier,
      price.bucket === 'long' ? `above ${list.longContextAboveInputTokens}` : 'usual',
      ...[price.input, price.cached, price.cacheWrite, price.output, price.reasoning].map(rate),
    ]),
  ]);
  const origin = list.fetchedAt === null ? 'came with the program' : `fetched ${renderMoment(list.fetchedAt, now)}`;
  return (
    `${table}\nUSD per million tokens at API prices, as of ${printable(list.asOf)} from ${printable(list.source)} (${origin}).\n` +
    'Accounts are subscriptions: what a request "costs" is what it would have cost at these prices.\n'
  );
}
