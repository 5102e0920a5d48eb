import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentNames } from '../../server/environment.ts';
import { repository } from './source-files.ts';

const inDocs = existsSync(`${repository}docs`)
  ? readdirSync(`${repository}docs`, { recursive: true }).map((name) => join('docs', String(name)))
  : [];
const pages = [...readdirSync(repository), ...inDocs].filter((name) => name.endsWith('.md'));

describe('every relative link of', () => {
  it.each(pages)('%s leads somewhere', (page) => {
    const text = readFileSync(`${repository}${page}`, 'utf8');
    const missing = linksOf(text).filter((link) => !leadsSomewhere(page, link));
    expect(missing).toEqual([]);
  });
});

it('every environment variable has its row', () => {
  const page = readFileSync(`${repository}docs/environment.md`, 'utf8');
  expect(environmentNames.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

describe('a link', () => {
  it('is found in its forms, and not in code or as an address elsewhere', () => {
    const text = [
      '[a](docs/a.md) ![b](pictures/b.png "title") [c](<docs/c d.md>)',
      '[ref]: ../LICENSE',
      '`[no](code.md)` [web](https://example.com) [mail](mailto:a@example.com)',
      '```',
      '[no](fenced.md)',
      '```',
      '[here](#section) [there](other.md#section)',
    ].join('\n');
    expect(linksOf(text)).toEqual([
      'docs/a.md',
      'pictures/b.png',
      'docs/c d.md',
      '#section',
      'other.md#section',
      '../LICENSE',
    ]);
  });

  it('to nowhere is noticed: to a file, or to a heading', () => {
    expect(leadsSomewhere('README.md', 'docs/architecture.md')).toBe(true);
    expect(leadsSomewhere('README.md', 'docs/no-such-page.md')).toBe(false);
    expect(leadsSomewhere('docs/architecture.md', '#rooms')).toBe(true);
    expect(leadsSomewhere('README.md', 'docs/architecture.md#no-such-heading')).toBe(false);
    expect(leadsSomewhere('README.md', '../outside.md')).toBe(false);
  });
});

/** Links within the repository, inline ones first; without those in code. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '');
  const inline = [...prose.matchAll(/\]\((?:<([^>]+)>|([^)\s]+))(?:\s+"[^"]*")?\)/g)].map(
    ([, bracketed, plain]) => bracketed ?? plain ?? '',
  );
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, target]) => target ?? '');
  return [...inline, ...references].filter((link) => !/^[a-z]+:/i.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
  if (target.startsWith('..') || !existsSync(`${repository}${target}`)) return false;
  if (heading === undefined || !target.endsWith('.md')) return true;
  return anchorsOf(readFileSync(`${repository}${target}`, 'utf8')).includes(heading);
}

/** Headings as GitHub makes anchors of them. */
function anchorsOf(text: string): string[] {
  return [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^#{1,6}\s+(.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}
