/** A fetched price list through the real app: a good one is used and kept, and nothing worse takes its place. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jobs } from '../../server/contract/jobs.ts';
import { prices } from '../../server/contract/prices.ts';
import { askCodex } from '../support/codex-request.ts';
import type { GatewayUnderTest } from '../support/gateway-under-test.ts';
import { oneInstallation, type Installation } from '../support/one-installation.ts';

const newer = {
  asOf: '2031-01-01',
  source: 'https://prices.example/',
  unit: 'micro-USD per token',
  longContextAboveInputTokens: 272_000,
  models: { 'gpt-5.5': { standard: { default: { input: 7, cached: 0.5, output: 70 } } } },
};

let installation: Installation;
let gateway: GatewayUnderTest;
let site: Server;
let url: string;
let served: { status: number; body: string };

beforeAll(async () => {
  installation = await oneInstallation();
  gateway = await installation.open({ env: { OBAN_MODE: 'all' } });
  site = createServer((_request, response) => void response.writeHead(served.status).end(served.body));
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/prices.json`;
});
afterAll(async () => {
  await installation.stop();
  site.closeAllConnections();
  site.close();
});
beforeEach(() => {
  served = { status: 200, body: JSON.stringify(newer) };
});

const inputOf = async (model: string, at = gateway) =>
  (await at.call(prices.list, {})).prices.find((price) => price.model === model && price.tier === 'standard')?.input;

describe('without an address', () => {
  it('the bundled list is in force, and the daily fetch is off', async () => {
    expect(await gateway.call(prices.list, {})).toMatchObject({
      fetchedAt: null,
      longContextAboveInputTokens: 272_000,
    });
    expect(await inputOf('gpt-5.5')).toBe(5);
    await expect(gateway.call(prices.refresh, {})).rejects.toMatchObject({ code: 'prices_url_missing' });
    const { jobs: all } = await gateway.call(jobs.list, {});
    expect(all.find(({ name }) => name === 'read_prices')).toMatchObject({ isOn: false, nextAt: null });
  });
});

describe('an address', () => {
  it.each(['http://prices.example/p.json', 'ftp://prices.example/', 'https://user:word@prices.example/', 'nonsense'])(
    'such as %s is refused',
    async (address) => {
      await expect(gateway.change({ 'catalog.prices_url': address })).rejects.toMatchObject({
        code: 'invalid_request',
      });
    },
  );
});

describe('a list that was fetched', () => {
  beforeAll(async () => {
    await gateway.change({ 'catalog.prices_url': url });
    served = { status: 200, body: JSON.stringify(newer) };
    await gateway.call(prices.refresh, {});
    // The first run of the day comes by itself as soon as there is an address; the next is tomorrow's.
    await gateway.call(jobs.run, { name: 'read_prices' });
  });

  it('prices what comes after; models it does not name keep their bundled price', async () => {
    expect(await inputOf('gpt-5.5')).toBe(7);
    expect(await inputOf('gpt-6.1-sol')).toBe(2);
    await gateway.link('anna');
    await (await askCodex(gateway, await gateway.key())).text();
    await gateway.settled(1);
    const { rows } = await gateway.database.pool.query<Record<string, string | null>>(
      `select input_tokens, cached_tokens, output_tokens, cost_micros, cost_status from ledger_entries where event like 'settlement%'`,
    );
    const [row] = rows;
    const cached = Number(row!['cached_tokens']);
    const micros = (Number(row!['input_tokens']) - cached) * 7 + cached * 0.5 + Number(row!['output_tokens']) * 70;
    expect(row!['cost_status']).toBe('priced');
    expect(Number(row!['cost_micros'])).toBeCloseTo(micros, 6);
  });

  it.each([
    ['is older', JSON.stringify({ ...newer, asOf: '2020-01-01' }), 200, 'prices_older'],
    [
      'lacks a rate',
      JSON.stringify({ ...newer, models: { m: { standard: { default: { input: 1 } } } } }),
      200,
      'prices_unreadable',
    ],
    ['is a web page', '<html>', 200, 'prices_unreadable'],
    ['is endless', JSON.stringify({ ...newer, unit: 'x'.repeat(3 * 2 ** 20) }), 200, 'prices_unreadable'],
    ['is not there', '{}', 404, 'prices_not_fetched'],
    ['was moved', JSON.stringify(newer), 302, 'prices_not_fetched'],
  ] as const)('stays when the next one %s', async (_name, body, status, code) => {
    served = { status, body };
    await expect(gateway.call(prices.refresh, {})).rejects.toMatchObject({ code });
    expect(await inputOf('gpt-5.5')).toBe(7);
    const { job } = await gateway.call(jobs.run, { name: 'read_prices' });
    expect(job).toMatchObject({ outcome: 'failed', problem: code });
  });

  it('is in force after a restart too', async () => {
    const later = await installation.open();
    expect(await inputOf('gpt-5.5', later)).toBe(7);
    expect((await later.call(prices.list, {})).fetchedAt).not.toBeNull();
  });

  it('is no longer in force without its address, and never stands in the way of another', async () => {
    await gateway.change({ 'catalog.prices_url': '' });
    expect(await gateway.call(prices.list, {})).toMatchObject({ fetchedAt: null });
    expect(await inputOf('gpt-5.5')).toBe(5);
    await gateway.change({ 'catalog.prices_url': `${url}?other` });
    expect(await inputOf('gpt-5.5')).toBe(5);
    const { asOf } = await gateway.call(prices.list, {});
    served = { status: 200, body: JSON.stringify({ ...newer, asOf }) };
    await gateway.call(prices.refresh, {});
    expect(await inputOf('gpt-5.5')).toBe(7);
    expect((await gateway.call(prices.list, {})).asOf).toBe(asOf);
    await gateway.change({ 'catalog.prices_url': url });
    expect(await inputOf('gpt-5.5')).toBe(5);
  });
});
