import { describe, expect, it } from 'vitest';
import { brokenReserves, reserves } from './reserves.ts';
import { brokenWalls, ground, importsOf, roomOf, rooms, type SourceFile } from './rooms.ts';
import { sourceFiles } from './source-files.ts';

const files = sourceFiles();

describe('the source', () => {
  it('was found', () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.map(({ path }) => path)).toContain('server/main.ts');
  });

  it('keeps the walls between its rooms', () => {
    expect(brokenWalls(files)).toEqual([]);
  });

  it('meets the outside only at its doors', () => {
    expect(brokenReserves(files)).toEqual([]);
  });

  it('has one importer of undici', () => {
    const importers = files.filter(
      ({ path, text }) => path.startsWith('server/') && importsOf(text).includes('undici'),
    );
    expect(importers.map(({ path }) => path)).toEqual(['server/world/network.ts']);
  });
});

describe('the table', () => {
  const names = rooms.map(({ name }) => name);

  it('names every room once', () => {
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it('allows only what exists: rooms by name, files by path', () => {
    const paths = new Set(files.map(({ path }) => path));
    // The bridge of the desktop shell is named by the architecture before it is built.
    paths.add('main/bridge.ts');
    for (const { name, may } of rooms)
      for (const each of may)
        expect(names.includes(each) || paths.has(each) || each === '*', `${name}: ${each}`).toBe(true);
  });

  it('has no way round: no room can reach one that can reach it', () => {
    const reach = (name: string, seen = new Set<string>()): Set<string> => {
      for (const each of rooms.find((room) => room.name === name)?.may ?? []) {
        const next = roomOf(each)?.name ?? each;
        if (next === name || seen.has(next) || next === '*') continue;
        seen.add(next);
        reach(next, seen);
      }
      return seen;
    };
    for (const name of names) expect(reach(name).has(name), name).toBe(false);
  });

  it('allows no wall that nobody crosses: a row grows only with a reason', () => {
    const crossed = new Set(
      files
        .filter(({ path }) => !path.endsWith('.test.ts'))
        .flatMap(({ path, text }) =>
          importsOf(text)
            .filter((specifier) => specifier.startsWith('.'))
            .map((specifier) => new URL(specifier, `file:///${path}`).pathname.slice(1))
            .flatMap((target) => [`${roomOf(path)?.name} ${roomOf(target)?.name}`, `${roomOf(path)?.name} ${target}`]),
        ),
    );
    const built = rooms.filter(({ name }) => !['main', 'renderer'].includes(name));
    const unused = built.flatMap(({ name, may }) =>
      may
        .filter((each) => each !== '*' && !ground.includes(each) && !crossed.has(`${name} ${each}`))
        .map((each) => `${name} → ${each}`),
    );
    expect(unused).toEqual([]);
  });

  it('reserves nothing for files that are gone', () => {
    for (const { what, allowed } of reserves)
      for (const place of allowed.filter((each) => each.endsWith('.ts')))
        expect(
          files.some(({ path }) => path === place),
          `${what}: ${place}`,
        ).toBe(true);
  });
});

describe('a broken wall', () => {
  it.each([
    ['server/routing/x.ts', `import { a } from '../gateway/exchange.ts';`, 'may not import from "gateway"'],
    ['server/lib/x.ts', `import type { Clock } from '../world/world.ts';`, 'may not import from "world"'],
    ['server/contract/x.ts', `export * from '../settings/settings.ts';`, 'may not import from "settings"'],
    ['server/gateway/stream/x.ts', `import {\n  a,\n} from '../../http/server.ts';`, 'may not import from "http"'],
    ['server/gateway/x.ts', `import { a } from '../accounts/account-store.ts';`, 'the SQL of "accounts" is its own'],
    ['server/pools/x.ts', `const a = await import('../sandbox/sandbox.ts');`, 'may not import from "sandbox"'],
    ['server/gateway/x.ts', `import { request } from 'undici';`, 'imports the package undici'],
    ['server/lib/x.ts', `import Router from '@koa/router/x';`, 'imports the package @koa/router'],
    ['server/attic/x.ts', '', 'lies in no room'],
    ['server/gateway/x.ts', `import { a } from '../attic/x.ts';`, 'imports server/attic/x.ts, which lies in no room'],
    ['main/main.ts', `import '../server/app.ts';`, 'may not import from "assembly"'],
  ])('is named: %s', (path, text, words) => {
    const [found, ...more] = brokenWalls([{ path, text }]);
    expect(found).toContain(path);
    expect(found).toContain(words);
    expect(more).toEqual([]);
  });

  it.each([
    ['server/gateway/x.test.ts', `import { a } from '../sandbox/sandbox.ts';`],
    ['server/gateway/x.ts', `import { a } from '../usage/ledger-store.ts';`],
    ['server/accounts/x.ts', `import { a } from './account-store.ts';\nimport { b } from 'node:fs';`],
    ['server/accounts/x.ts', `/** import { a } from '../gateway/exchange.ts'; */`],
    ['renderer/x.tsx', `import { pools } from '#contract/pools.ts';`],
    ['scripts/x.ts', `import { a } from '../server/app.ts';`],
  ])('is not seen where there is none: %s', (path, text) => {
    expect(brokenWalls([{ path, text }])).toEqual([]);
  });
});

describe('a use of the outside', () => {
  it.each([
    ['const at = Date.now();', 'Date.now'],
    ['const at = new Date( );', 'new Date()'],
    ['setTimeout(go, 5);', 'a timer'],
    [`import { setTimeout as sleep } from 'node:timers/promises';`, 'a timer'],
    ['return Math.random();', 'Math.random'],
    ['await fetch(url);', 'the global fetch'],
    ['const { A } = process.env;', 'process.env'],
    [`import { randomUUID } from 'node:crypto';`, 'random bytes'],
  ])('is named with its line: %s', (line, what) => {
    const [found, ...more] = inGateway(`// first\n${line}\n`);
    expect(found).toMatch(new RegExp(`^server/gateway/x\\.ts:2 uses ${what.replace(/[()]/g, '\\$&')};`));
    expect(more).toEqual([]);
  });

  it.each([
    'const at = new Date(ms);',
    '// Date.now() is not for us',
    '/** `Math.random()` neither,\n * nor setTimeout(go, 5). */',
    'socket.setTimeout(5, go);',
    'timer.setInterval(5);',
    'const prefetch = (a) => a; prefetch(1); codex.fetch(2); refetch (3);',
  ])('is not seen where there is none: %s', (text) => {
    expect(inGateway(text)).toEqual([]);
  });

  it('is allowed where the outside is made, in scripts and in tests', () => {
    const text = 'const at = Date.now();';
    for (const path of ['server/world/x.ts', 'scripts/x.ts', 'test/support/x.ts', 'server/gateway/x.test.ts'])
      expect(brokenReserves([{ path, text }]), path).toEqual([]);
  });
});

function inGateway(text: string): string[] {
  return brokenReserves([{ path: 'server/gateway/x.ts', text } satisfies SourceFile]);
}
