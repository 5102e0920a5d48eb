import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clients, excuseOf, situations, type Client, type Situation } from '../clients/client-matrix.ts';
import { repository } from './source-files.ts';

const named = Object.entries(clients) as [Client, (typeof clients)[Client]][];
const rows = Object.entries(situations) as [Situation, string][];

describe('the clients that docs/clients.md shows as proved', () => {
  const page = readFileSync(`${repository}docs/clients.md`, 'utf8');

  it('are those of the matrix, in the versions that are run, with every gap and its reason', () => {
    const expected = [
      ['', ...named.map(([, { name }]) => name)],
      ['Version', ...named.map(([, { packages }]) => `\`${packages[0]}\``)],
      ...rows.map(([situation, words]) => [
        words,
        ...named.map(([client]) => (excuseOf(client, situation) === undefined ? 'yes' : 'no')),
      ]),
    ];
    expect(tableIn(page)).toEqual(expected);
    const reasons = named.flatMap(([client, { name }]) =>
      rows.flatMap(([situation, words]) => {
        const excuse = excuseOf(client, situation);
        return excuse === undefined ? [] : [`- ${name}, ${words}: ${excuse}`];
      }),
    );
    expect(page.split('\n').filter((line) => line.startsWith('- '))).toEqual(reasons);
  });

  it.each(named)('%s is proved by the file of its name', (client) => {
    const path = `${repository}test/clients/${client}.test.ts`;
    expect(existsSync(path) && readFileSync(path, 'utf8')).toMatch(new RegExp(`^prove\\(\\s*'${client}',`, 'm'));
  });

  it.each(named)('%s is pinned to exact versions', (_, { packages }) => {
    for (const each of packages) expect(each).toMatch(/^@?[\w./-]+@\d+\.\d+\.\d+$/);
  });
});

/** Cells of the only table, without the line below its head. */
function tableIn(page: string): string[][] {
  const lines = page.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('| -'));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}
