/**
 * The rooms of the source and the walls between them (docs/architecture.md), as a table, and the check that reads it.
 * A crossing that feels needed usually means that a small function should be passed in from `assembly/`.
 */

export interface Room {
  readonly name: string;
  /** What lies in it: a folder ending in `/`, or a file. */
  readonly places: readonly string[];
  /** Rooms it may import from, or single files of them. `*` is everything. */
  readonly may: readonly string[];
  /** Packages it may import; Node's own are everybody's. */
  readonly packages: readonly string[];
}

/** What every room of the floors above may stand on. */
export const ground: readonly string[] = ['contract', 'lib', 'world', 'database', 'observe'];

/** From the ground up: nobody imports from a floor above. */
export const rooms: readonly Room[] = [
  // floor 0: what knows nothing of the product's records
  { name: 'contract', places: ['server/contract/'], may: [], packages: ['zod'] },
  { name: 'lib', places: ['server/lib/'], may: [], packages: [] },
  { name: 'world', places: ['server/world/'], may: [], packages: ['undici', 'ws'] },
  { name: 'version', places: ['server/version.ts'], may: [], packages: ['zod'] },
  { name: 'observe', places: ['server/observe/'], may: ['world'], packages: ['pino', 'pino-pretty'] },
  // The folder is claimed and checked before there is a database, and what is wrong is said in its words
  // (`start-problem.ts`) by everything that opens at start: so it lies below the database, not above.
  { name: 'data-folder', places: ['server/data-folder/'], may: ['lib', 'world'], packages: ['zod'] },
  {
    name: 'database',
    places: ['server/database/'],
    // `contract` for the topics of the change feed, which are a closed list of words.
    may: ['contract', 'data-folder', 'world'],
    packages: ['kysely', 'pg', 'zod'],
  },
  {
    name: 'security',
    places: ['server/security/'],
    may: ['data-folder', 'database', 'lib', 'world'],
    packages: ['kysely', 'zod'],
  },
  {
    name: 'environment',
    places: ['server/environment.ts', 'server/environment-rules.ts', 'server/read-process-environment.ts'],
    // Root keys are read from variables: their form is a rule of the key ring.
    may: ['lib', 'server/security/key-ring.ts'],
    packages: ['zod'],
  },
  { name: 'settings', places: ['server/settings/'], may: ['contract', 'database', 'world'], packages: ['kysely'] },

  // floor 1: the records of the product. A neighbour's plain rules may be used, never its SQL.
  { name: 'audit', places: ['server/audit/'], may: [...ground], packages: ['kysely'] },
  { name: 'pools', places: ['server/pools/'], may: [...ground], packages: ['kysely', 'zod'] },
  { name: 'api-keys', places: ['server/api-keys/'], may: [...ground], packages: ['kysely'] },
  {
    name: 'accounts',
    places: ['server/accounts/'],
    // What an account can do with a model is said by its list.
    may: [...ground, 'security', 'server/catalog/model-abilities.ts'],
    packages: ['kysely', 'zod'],
  },
  {
    name: 'catalog',
    places: ['server/catalog/'],
    may: [...ground],
    packages: ['kysely', 'zod'],
  },
  {
    name: 'usage',
    places: ['server/usage/'],
    may: [...ground, 'server/catalog/prices.ts'],
    packages: ['kysely', 'pg', 'zod'],
  },
  // Ages of other rooms' rows are its subject: it counts and removes, and reads nothing else of them.
  { name: 'retention', places: ['server/retention/'], may: [...ground], packages: ['kysely'] },
  { name: 'system', places: ['server/system/'], may: [...ground], packages: ['kysely'] },

  // floor 2: the provider, and the choice between accounts
  // The provider's answers are read by the rules of the account room: what a limit or a refresh is, it says.
  {
    name: 'upstream',
    places: ['server/upstream/'],
    may: [...ground, 'accounts'],
    packages: ['zod'],
  },
  {
    name: 'routing',
    places: ['server/routing/'],
    // No I/O: of the accounts it knows the facts and the rules of their limits, and nothing that asks the database.
    may: [
      'contract',
      'lib',
      'server/accounts/account.ts',
      'server/accounts/limit-summary.ts',
      'server/accounts/quota.ts',
      'server/catalog/model-abilities.ts',
    ],
    packages: [],
  },

  // floor 3: the data path, and what is done again and again
  {
    name: 'gateway',
    places: ['server/gateway/'],
    may: [
      ...ground,
      'accounts',
      'api-keys',
      'catalog',
      'pools',
      'routing',
      'upstream',
      'usage',
      'version',
      // The record keeper is what the ledger's SQL is for; beside the anchors, which are the gateway's own, nothing is written here.
      'server/usage/ledger-store.ts',
      'server/usage/reservation-store.ts',
    ],
    packages: ['gpt-tokenizer', 'pg'],
  },
  { name: 'jobs', places: ['server/jobs/'], may: [...ground], packages: ['kysely', 'pg', 'pg-boss'] },

  // floor 4: how calls come in
  {
    name: 'http',
    places: ['server/http/'],
    may: [
      ...ground,
      'gateway',
      // Every change through the admin API leaves its row here and nowhere else.
      'server/audit/audit-store.ts',
      'server/api-keys/key-book.ts',
      'server/data-folder/admin-token.ts',
      'server/data-folder/start-problem.ts',
    ],
    packages: ['@fastify/busboy', '@koa/router', 'kysely', 'koa', 'ws', 'zod'],
  },

  // floor 5: whoever makes and starts the parts
  {
    name: 'assembly',
    places: [
      'server/app.ts',
      'server/assembly/',
      'server/open-storage.ts',
      'server/run-server.ts',
      'server/take-turn.ts',
    ],
    may: ['*'],
    packages: ['kysely'],
  },
  {
    name: 'entry',
    places: ['server/main.ts', 'server/compile-cache.ts'],
    may: ['assembly', 'environment'],
    packages: [],
  },
  {
    name: 'cli',
    places: ['server/cli/'],
    // With a server running it speaks through the admin API; without one it opens the same parts itself.
    may: [
      'assembly',
      'contract',
      'data-folder',
      'database',
      'environment',
      'lib',
      'observe',
      'security',
      'version',
      'world',
      'server/http/admin-dispatch.ts',
      'server/http/listen.ts',
    ],
    packages: ['commander', 'kysely', 'zod'],
  },

  // The provider that exists only on this machine stands apart: the server never knows it, nor it the server.
  { name: 'sandbox', places: ['server/sandbox/'], may: ['world'], packages: ['ws', 'zod'] },

  // The desktop shell starts the server by path; pages know the contract.
  { name: 'main', places: ['main/'], may: [], packages: ['electron'] },
  { name: 'renderer', places: ['renderer/'], may: ['contract', 'main/bridge.ts'], packages: ['*'] },
  { name: 'scripts', places: ['scripts/'], may: ['*'], packages: ['*'] },
  { name: 'test', places: ['test/', 'vitest.config.ts', 'vitest.clients.config.ts'], may: ['*'], packages: ['*'] },
];

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every broken wall, in words that name the file, what it imports and what it may. */
export function brokenWalls(files: readonly SourceFile[], table: readonly Room[] = rooms): string[] {
  return files.flatMap((file) => {
    // A test beside the code may use everything, as those in `test/` do.
    if (isTest(file.path)) return [];
    const room = roomOf(file.path, table);
    if (!room) return [`${file.path} lies in no room: give its folder a row in test/architecture/rooms.ts.`];
    return importsOf(file.text).flatMap((specifier) => wallBroken({ file, room, specifier, table }) ?? []);
  });
}

/** The room of a path: that with the longest place it lies in. */
export function roomOf(path: string, table: readonly Room[] = rooms): Room | undefined {
  const liesIn = (place: string) => (place.endsWith('/') ? path.startsWith(place) : path === place);
  return table.find(({ places }) => places.some(liesIn));
}

/** What a file imports, in any of the ways: `from '…'`, `import '…'`, `import('…')`. */
export function importsOf(text: string): string[] {
  const atLineStart =
    /^(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|^\s*\}\s*from\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]/gm;
  const called = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [
    ...[...text.matchAll(atLineStart)].map(([, first, second, third]) => first ?? second ?? third ?? ''),
    ...[...text.matchAll(called)].map(([, specifier]) => specifier ?? ''),
  ];
}

interface Crossing {
  readonly file: SourceFile;
  readonly room: Room;
  readonly specifier: string;
  readonly table: readonly Room[];
}

function wallBroken({ file, room, specifier, table }: Crossing): string | null {
  if (specifier.startsWith('node:')) return null;
  const target = targetOf(file.path, specifier);
  if (target === null) {
    const name = packageOf(specifier);
    if (room.packages.includes(name) || room.packages.includes('*')) return null;
    return `${file.path} imports the package ${name}, which the room "${room.name}" may not.`;
  }
  const other = roomOf(target, table);
  if (!other) return `${file.path} imports ${target}, which lies in no room.`;
  if (other === room || room.may.includes('*') || room.may.includes(target)) return null;
  if (!room.may.includes(other.name))
    return `${file.path} imports ${target}: the room "${room.name}" may not import from "${other.name}".`;
  if (!target.endsWith('-store.ts')) return null;
  return `${file.path} imports ${target}: the SQL of "${other.name}" is its own; use its rules, or be given a function.`;
}

/** The file a specifier means, from the root of the repository; null for a package. */
function targetOf(from: string, specifier: string): string | null {
  if (specifier.startsWith('#contract/')) return `server/contract/${specifier.slice('#contract/'.length)}`;
  if (!specifier.startsWith('.')) return null;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}
