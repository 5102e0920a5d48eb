/** What only certain files may do, as a table, and the check that reads it. */
import { isTest, type SourceFile } from './rooms.ts';

/** Something only certain files may do. */
export interface Reserve {
  readonly what: string;
  readonly pattern: RegExp;
  readonly instead: string;
  /** Folders ending in `/`, or files. */
  readonly allowed: readonly string[];
}

const clockPlaces = ['server/world/', 'scripts/', 'test/'];
/** Talks to the sandbox as a client does, for its own tests only; nothing else imports it. */
const sandboxClient = 'server/sandbox/client-for-tests.ts';

/** The outside comes in through few doors (docs/architecture.md, "The outside is passed in"). */
export const reserves: readonly Reserve[] = [
  {
    what: 'undici',
    pattern: /(?:from|import)\s*\(?\s*['"]undici['"/]/,
    instead: 'call World.network',
    allowed: ['server/world/network.ts', 'scripts/', 'test/'],
  },
  {
    what: 'a websocket of its own',
    pattern: /\bnew WebSocket\s*\(/,
    instead: 'call World.network',
    allowed: ['server/world/websockets.ts', sandboxClient, 'scripts/', 'test/', 'renderer/'],
  },
  {
    what: 'process.env',
    pattern: /\bprocess\s*\.\s*env\b|\bprocess\s*\[\s*['"]env['"]/,
    instead: 'take the value from the configuration (server/environment.ts)',
    // The entry points hand it over; nobody else looks.
    allowed: [
      'server/read-process-environment.ts',
      'server/main.ts',
      'server/cli/main.ts',
      'main/',
      'scripts/',
      'test/',
    ],
  },
  { what: 'Date.now', pattern: /\bDate\s*\.\s*now\b/, instead: 'use World.clock', allowed: clockPlaces },
  { what: 'new Date()', pattern: /\bnew Date\(\s*\)/, instead: 'use World.clock', allowed: clockPlaces },
  { what: 'performance.now', pattern: /\bperformance\s*\.\s*now\b/, instead: 'use World.clock', allowed: clockPlaces },
  {
    what: 'a timer',
    pattern: /(?<![.\w])(?:setTimeout|setInterval)\s*\(|(?:setTimeout|setInterval)\b[^\n]*from\s*['"](?:node:)?timers/,
    instead: 'use World.clock',
    allowed: clockPlaces,
  },
  { what: 'Math.random', pattern: /\bMath\s*\.\s*random\b/, instead: 'use World.random', allowed: clockPlaces },
  {
    what: 'random bytes',
    pattern: /\b(?:randomBytes|randomUUID|randomInt|getRandomValues)\b/,
    instead: 'use World.random',
    allowed: clockPlaces,
  },
  {
    what: 'the global fetch',
    pattern: /(?<![.\w])fetch\s*\(/,
    instead: 'call World.network',
    allowed: [...clockPlaces, sandboxClient, 'renderer/'],
  },
];

/** Every use of something reserved, outside comments, in words that name file, line and what to do instead. */
export function brokenReserves(files: readonly SourceFile[], table: readonly Reserve[] = reserves): string[] {
  return files.flatMap(({ path, text }) => {
    if (isTest(path)) return [];
    const lines = withoutComments(text).split('\n');
    return table.flatMap(({ what, pattern, instead, allowed }) => {
      if (allowed.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))) return [];
      return lines.flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1} uses ${what}; ${instead} instead.`] : [],
      );
    });
  });
}

/** The text with comments blanked, lines kept. Good enough for source that a formatter has been over. */
function withoutComments(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|[\s;{},(])\/\/[^\n]*/g, '$1');
}
