import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Config,
  environmentNames,
  type EnvironmentReading,
  readEnvironment,
  renderEnvironmentProblems,
  type Secrets,
} from './environment.ts';

const key = randomBytes(32);
const olderKey = randomBytes(32);

function read(
  env: Record<string, string>,
  options: { files?: Record<string, Buffer>; platform?: NodeJS.Platform; isRoot?: boolean } = {},
): EnvironmentReading {
  return readEnvironment({
    env,
    readFile(path) {
      const content = options.files?.[path];
      if (!content) throw new Error('ENOENT');
      return content;
    },
    home: options.platform === 'win32' ? 'C:\\Users\\ada' : '/home/ada',
    platform: options.platform ?? 'linux',
    isRoot: options.isRoot ?? false,
  });
}

function accepted(
  env: Record<string, string>,
  options: Parameters<typeof read>[1] = {},
): { config: Config; secrets: Secrets } {
  const reading = read(env, options);
  if (!reading.ok) throw new Error(renderEnvironmentProblems(reading.problems));
  return reading;
}

function problems(
  env: Record<string, string>,
  options: Parameters<typeof read>[1] = {},
): readonly { name: string; rule: string }[] {
  const reading = read(env, options);
  return reading.ok ? [] : reading.problems;
}

describe('an empty environment', () => {
  it('means: this machine only, embedded database, everything in one process', () => {
    expect(accepted({})).toMatchObject({
      config: {
        port: 4000,
        bindAddress: '127.0.0.1',
        publicHost: null,
        servesClients: true,
        mode: 'all',
        jobLimit: 8,
        jobGraceMs: 55_000,
        drainLimitMs: 50_000,
        drainMarkerPath: null,
        peersQuery: null,
        embeddedDatabase: true,
        databaseIpv6: false,
        databasePoolSize: 10,
        dataFolder: '/home/ada/.local/share/codex-pooler',
        upstreamUrl: 'https://chatgpt.com',
        authUrl: 'https://auth.openai.com',
        logLevel: 'info',
        logFormat: null,
        ignoredNames: [],
        unknownNames: [],
      },
      secrets: { databaseUrl: null, cookieSecret: null, bootstrapToken: null, upstreamKeys: null, totpKeys: null },
    });
  });

  it('is what blank variables are, too', () => {
    const blank = Object.fromEntries(environmentNames.map((name) => [name, ' ']));
    expect(read(blank)).toEqual(read({}));
  });
});

/** Every variable: a value it takes, where that arrives, and a value it refuses. */
const variables: [
  name: string,
  good: string,
  arrives: (both: { config: Config; secrets: Secrets }) => unknown,
  expected: unknown,
  bad: string,
][] = [
  ['PORT', '4100', ({ config }) => config.port, 4100, '65536'],
  ['CODEX_POOLER_BIND_ADDRESS', '0.0.0.0', ({ config }) => config.bindAddress, '0.0.0.0', 'everywhere'],
  ['PHX_HOST', 'Pool.example.com', ({ config }) => config.publicHost, 'pool.example.com', 'https://pool.example.com'],
  ['PHX_SERVER', 'off', ({ config }) => config.servesClients, false, 'maybe'],
  ['OBAN_MODE', 'scheduler', ({ config }) => config.mode, 'scheduler', 'cron'],
  ['OBAN_JOBS_QUEUE_LIMIT', '3', ({ config }) => config.jobLimit, 3, '0'],
  ['OBAN_SHUTDOWN_GRACE_PERIOD_MS', '0', ({ config }) => config.jobGraceMs, 0, '1.5'],
  ['CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS', '100', ({ config }) => config.drainLimitMs, 100, '-1'],
  ['CODEX_POOLER_DRAIN_MARKER_PATH', '/run/drain', ({ config }) => config.drainMarkerPath, '/run/drain', ''],
  ['DNS_CLUSTER_QUERY', 'pooler.internal', ({ config }) => config.peersQuery, 'pooler.internal', 'not a name'],
  [
    'DATABASE_URL',
    'ecto://u:p@db/pooler',
    ({ secrets }) => secrets.databaseUrl,
    'postgres://u:p@db/pooler',
    'mysql://u:p@db/pooler',
  ],
  ['ECTO_IPV6', '1', ({ config }) => config.databaseIpv6, true, '6'],
  ['POOL_SIZE', '20', ({ config }) => config.databasePoolSize, 20, 'ten'],
  ['CODEX_POOLER_DATA_DIR', '/srv/pooler/', ({ config }) => config.dataFolder, '/srv/pooler', 'pooler'],
  [
    'CODEX_POOLER_UPSTREAM_URL',
    'http://127.0.0.1:9/',
    ({ config }) => config.upstreamUrl,
    'http://127.0.0.1:9',
    'http://example.com',
  ],
  [
    'CODEX_POOLER_AUTH_URL',
    'https://auth.example.com',
    ({ config }) => config.authUrl,
    'https://auth.example.com',
    'https://u:p@example.com',
  ],
  ['CODEX_POOLER_LOG_LEVEL', 'debug', ({ config }) => config.logLevel, 'debug', 'loud'],
  ['LOG_FORMAT', 'json', ({ config }) => config.logFormat, 'json', 'xml'],
  ['SECRET_KEY_BASE', 'x'.repeat(64), ({ secrets }) => secrets.cookieSecret, 'x'.repeat(64), 'short'],
  ['CODEX_POOLER_BOOTSTRAP_TOKEN', 'y'.repeat(20), ({ secrets }) => secrets.bootstrapToken, 'y'.repeat(20), 'short'],
  [
    'CODEX_POOLER_UPSTREAM_SECRET_KEY',
    key.toString('base64'),
    ({ secrets }) => secrets.upstreamKeys?.active,
    { version: 'v1', key },
    'short',
  ],
  ['CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION', 'v7', () => 'see the key rings', 'see the key rings', 'v 7'],
  ['CODEX_POOLER_UPSTREAM_SECRET_PREVIOUS_KEYS', '', () => 'see the key rings', 'see the key rings', 'v1'],
  [
    'CODEX_POOLER_TOTP_ENCRYPTION_KEY',
    key.toString('base64url'),
    ({ secrets }) => secrets.totpKeys?.active,
    { version: 'v1', key },
    'x'.repeat(31),
  ],
  ['CODEX_POOLER_TOTP_KEY_VERSION', '2026-11', () => 'see the key rings', 'see the key rings', 'x'.repeat(33)],
  ['CODEX_POOLER_TOTP_PREVIOUS_KEYS', '', () => 'see the key rings', 'see the key rings', 'v1:short'],
];

describe('every variable', () => {
  it('is in this table', () => {
    expect(variables.map(([name]) => name).toSorted()).toEqual([...environmentNames].toSorted());
  });

  it.each(variables)('%s arrives where it belongs', (name, good, arrives, expected) => {
    expect(arrives(accepted({ [name]: good }))).toEqual(expected);
  });

  it.each(variables.filter(([, , , , bad]) => bad !== ''))(
    '%s is refused by its own name when it breaks its rule',
    (name, _good, _arrives, _expected, bad) => {
      expect(problems({ [name]: bad })).toContainEqual({ name, rule: expect.stringMatching(/^must .{8,}/) });
    },
  );
});

describe('key rings', () => {
  it('hold the active key and older ones for opening only', () => {
    const { secrets } = accepted({
      CODEX_POOLER_UPSTREAM_SECRET_KEY: 'k'.repeat(32),
      CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION: 'v2',
      CODEX_POOLER_UPSTREAM_SECRET_PREVIOUS_KEYS: `v1:${key.toString('base64')}, v0:${olderKey.toString('base64')}`,
    });
    expect(secrets.upstreamKeys).toEqual({
      active: { version: 'v2', key: Buffer.from('k'.repeat(32)) },
      previous: [
        { version: 'v1', key },
        { version: 'v0', key: olderKey },
      ],
    });
  });

  it('name each version once', () => {
    const text = key.toString('base64');
    const name = 'CODEX_POOLER_TOTP_PREVIOUS_KEYS';
    const ring = (previous: string): Record<string, string> => ({
      CODEX_POOLER_TOTP_ENCRYPTION_KEY: text,
      [name]: previous,
    });
    expect(problems(ring(`v1:${text}`))).toEqual([
      { name, rule: expect.stringContaining('not repeat the active one') },
    ]);
    expect(problems(ring(`v0:${text},v0:${text}`))).toHaveLength(1);
  });

  it('need an active key when older ones are given', () => {
    expect(problems({ CODEX_POOLER_TOTP_PREVIOUS_KEYS: `v0:${key.toString('base64')}` })).toEqual([
      { name: 'CODEX_POOLER_TOTP_ENCRYPTION_KEY', rule: 'must be set when CODEX_POOLER_TOTP_PREVIOUS_KEYS is set' },
    ]);
  });
});

describe('NAME_FILE', () => {
  it('gives the value from a file, without the line break at its end', () => {
    const { secrets } = accepted(
      { DATABASE_URL_FILE: '/run/secrets/db' },
      { files: { '/run/secrets/db': Buffer.from('postgres://u:p@db/x\n') } },
    );
    expect(secrets.databaseUrl).toBe('postgres://u:p@db/x');
  });

  it('may hold a key as 32 raw bytes', () => {
    const { secrets } = accepted({ CODEX_POOLER_UPSTREAM_SECRET_KEY_FILE: '/k' }, { files: { '/k': key } });
    expect(secrets.upstreamKeys?.active.key).toEqual(key);
  });

  it('works for every variable', () => {
    for (const [name, good, arrives, expected] of variables) {
      expect(arrives(accepted({ [`${name}_FILE`]: '/f' }, { files: { '/f': Buffer.from(good) } }))).toEqual(expected);
    }
  });

  it('is refused beside the variable itself, and when it cannot be read', () => {
    expect(problems({ PORT: '4000', PORT_FILE: '/f' })).toEqual([
      { name: 'PORT', rule: 'must not be set together with PORT_FILE' },
    ]);
    expect(problems({ PORT_FILE: '/nowhere' })).toEqual([
      { name: 'PORT_FILE', rule: 'must name a file this process can read' },
    ]);
  });
});

describe('the data folder', () => {
  it('follows the platform', () => {
    expect(accepted({ XDG_DATA_HOME: '/data' }).config.dataFolder).toBe('/data/codex-pooler');
    expect(accepted({ XDG_DATA_HOME: 'relative' }).config.dataFolder).toBe('/home/ada/.local/share/codex-pooler');
    expect(accepted({ XDG_DATA_HOME: '/data' }, { isRoot: true }).config.dataFolder).toBe('/var/lib/codex-pooler');
    expect(accepted({}, { platform: 'darwin' }).config.dataFolder).toBe(
      '/home/ada/Library/Application Support/Codex Pooler',
    );
    expect(accepted({}, { platform: 'win32' }).config.dataFolder).toBe(
      'C:\\Users\\ada\\AppData\\Roaming\\Codex Pooler',
    );
    expect(accepted({ APPDATA: 'D:\\Roaming' }, { platform: 'win32' }).config.dataFolder).toBe(
      'D:\\Roaming\\Codex Pooler',
    );
  });
});

describe('other names', () => {
  it('are told apart: meant for Compose, or most likely misspelt', () => {
    const { config } = accepted({
      CODEX_POOLER_HTTP_PORT: '4000',
      CODEX_POOLER_DATADIR: '/x',
      HOME: '/home/ada',
      CODEX_POOLER_NEW: '',
    });
    expect(config.ignoredNames).toEqual(['CODEX_POOLER_HTTP_PORT']);
    expect(config.unknownNames).toEqual(['CODEX_POOLER_DATADIR']);
  });
});

describe('problems', () => {
  it('are reported all at once, one line each', () => {
    const found = problems({
      PORT: 'x',
      OBAN_MODE: 'y',
      POOL_SIZE: '0',
      CODEX_POOLER_DATA_DIR: 'z',
      CODEX_POOLER_TOTP_KEY_VERSION: '!',
    });
    expect(found.map(({ name }) => name).toSorted()).toEqual([
      'CODEX_POOLER_DATA_DIR',
      'CODEX_POOLER_TOTP_KEY_VERSION',
      'OBAN_MODE',
      'POOL_SIZE',
      'PORT',
    ]);
    const lines = renderEnvironmentProblems(found).split('\n');
    expect(lines).toContain('  OBAN_MODE must be one of web, worker, scheduler, all');
    expect(lines).toContain('  PORT must be a whole number from 0 to 65535');
  });

  it('never show a value, whatever it is', () => {
    // A marker no rule contains, among arbitrary text, so that any echo of any part around it is seen.
    const value = fc
      .tuple(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }))
      .map(([before, after]) => `${before}§canary§${after}`);
    const names = fc.constantFrom(...environmentNames.flatMap((name) => [name, `${name}_FILE`]));
    fc.assert(
      fc.property(fc.dictionary(names, value, { minKeys: 1 }), (env) => {
        const reading = read(env);
        return reading.ok || !renderEnvironmentProblems(reading.problems).includes('canary');
      }),
      { numRuns: 500 },
    );
  });
});
