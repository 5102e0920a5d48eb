/**
 * Reads the process environment once, into plain configuration and secrets kept apart. The only reader of `process.env`:
 * the entry passes it in. Names are the seed's (product spec 3.1) plus our own.
 */
import { posix, win32 } from 'node:path';
import { z } from 'zod';
import {
  anyText,
  databaseUrl,
  hostName,
  ipAddress,
  onOff,
  oneOf,
  providerUrl,
  textOfAtLeast,
  wholeNumber,
  withDefault,
} from './environment-rules.ts';
import { keyBytes, type KeyRing, type KeyRingText, parseKeyRing } from './security/key-ring.ts';

/** Exit code for a wrong environment: `EX_CONFIG` of `sysexits.h`. */
export const environmentExitCode = 78;

const schema = z.object({
  PORT: withDefault(4000, wholeNumber(0, 65_535)),
  CODEX_POOLER_BIND_ADDRESS: withDefault('127.0.0.1', ipAddress),
  PHX_HOST: hostName,
  PHX_SERVER: withDefault(true, onOff),
  OBAN_MODE: withDefault('all', oneOf(['web', 'worker', 'scheduler', 'all'])),
  OBAN_JOBS_QUEUE_LIMIT: withDefault(8, wholeNumber(1, 1_000)),
  OBAN_SHUTDOWN_GRACE_PERIOD_MS: withDefault(55_000, wholeNumber(0, 3_600_000)),
  CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS: withDefault(50_000, wholeNumber(0, 3_600_000)),
  CODEX_POOLER_DRAIN_MARKER_PATH: anyText,
  DNS_CLUSTER_QUERY: hostName,
  DATABASE_URL: databaseUrl,
  ECTO_IPV6: withDefault(false, onOff),
  POOL_SIZE: withDefault(10, wholeNumber(1, 500)),
  CODEX_POOLER_DATA_DIR: anyText,
  CODEX_POOLER_UPSTREAM_URL: withDefault('https://chatgpt.com', providerUrl),
  CODEX_POOLER_AUTH_URL: withDefault('https://auth.openai.com', providerUrl),
  CODEX_POOLER_LOG_LEVEL: withDefault('info', oneOf(['debug', 'info', 'warn', 'error'])),
  LOG_FORMAT: oneOf(['json', 'text']),
  SECRET_KEY_BASE: textOfAtLeast(32),
  CODEX_POOLER_BOOTSTRAP_TOKEN: textOfAtLeast(16),
  CODEX_POOLER_UPSTREAM_SECRET_KEY: anyText,
  CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION: anyText,
  CODEX_POOLER_UPSTREAM_SECRET_PREVIOUS_KEYS: anyText,
  CODEX_POOLER_TOTP_ENCRYPTION_KEY: anyText,
  CODEX_POOLER_TOTP_KEY_VERSION: anyText,
  CODEX_POOLER_TOTP_PREVIOUS_KEYS: anyText,
});

type Name = keyof typeof schema.shape;

/** Every variable this program reads, for `config check` and the documentation. */
export const environmentNames = Object.keys(schema.shape) as readonly Name[];

/** Names of the seed that mean something to Compose or to its runtime, and nothing to this process. */
const elsewhereNames = /^CODEX_POOLER_(IMAGE|IMAGE_TAG|HTTP_PORT|WEBSOCKET_OWNER_FORWARDING|MEMORY_SAMPLER_[A-Z_]+)$/;

/** Names that our clients read (`env_key` of the Codex snippet), set in the same shell as often as not. */
const clientNames = new Set(['CODEX_POOLER_API_KEY']);

export interface Config {
  readonly port: number;
  readonly bindAddress: string;
  /** Host in generated links, and an allowed `Host`; null when nobody named one. */
  readonly publicHost: string | null;
  /** False: only health and metrics are served. */
  readonly servesClients: boolean;
  readonly mode: 'web' | 'worker' | 'scheduler' | 'all';
  readonly jobLimit: number;
  /** How long running jobs may go on after a stop was asked for. */
  readonly jobGraceMs: number;
  /** How long open streams and sockets may go on after a stop was asked for. */
  readonly drainLimitMs: number;
  /** While a file stands there, `/readyz` answers 503. */
  readonly drainMarkerPath: string | null;
  /** DNS name whose addresses are the other processes, for display. */
  readonly peersQuery: string | null;
  /** False when `DATABASE_URL` names a Postgres of the user's own. */
  readonly embeddedDatabase: boolean;
  readonly databaseIpv6: boolean;
  readonly databasePoolSize: number;
  readonly dataFolder: string;
  /** Without trailing slash. */
  readonly upstreamUrl: string;
  /** Without trailing slash. */
  readonly authUrl: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Null: text on a terminal, JSON elsewhere. */
  readonly logFormat: 'json' | 'text' | null;
  /** Set, but without effect in this process; worth one line in the log. */
  readonly ignoredNames: readonly string[];
  /** Names like ours that nothing reads: most likely misspelt. */
  readonly unknownNames: readonly string[];
}

export interface Secrets {
  readonly databaseUrl: string | null;
  readonly cookieSecret: string | null;
  /** Allows the first operator to be made from elsewhere than this machine. */
  readonly bootstrapToken: string | null;
  readonly upstreamKeys: KeyRing | null;
  readonly totpKeys: KeyRing | null;
}

/** A variable and the rule it breaks; never its value. */
export interface EnvironmentProblem {
  readonly name: string;
  readonly rule: string;
}

export type EnvironmentReading =
  | { readonly ok: true; readonly config: Config; readonly secrets: Secrets }
  | { readonly ok: false; readonly problems: readonly EnvironmentProblem[] };

/** What the environment is read from; `process.env` and friends in the entry, plain values in tests. */
export interface EnvironmentSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a `NAME_FILE`; throws when it cannot. */
  readonly readFile: (path: string) => Buffer;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
}

/**
 * Reads and checks everything at once. A blank variable counts as unset. For each `NAME`, `NAME_FILE` may name a file
 * that holds the value instead (container secrets).
 */
export function readEnvironment(source: EnvironmentSource): EnvironmentReading {
  const { texts, problems } = collectTexts(source);
  const parsed = schema.safeParse(texts);
  for (const issue of parsed.error?.issues ?? []) problems.push({ name: String(issue.path[0]), rule: issue.message });
  const upstream = parseKeyRing(ringText(texts, upstreamNames));
  const totp = parseKeyRing(ringText(texts, totpNames));
  for (const reading of [upstream, totp]) if (reading.kind === 'problems') problems.push(...reading.problems);
  const dataFolder = readDataFolder(texts.CODEX_POOLER_DATA_DIR, source);
  if (dataFolder === undefined) problems.push({ name: 'CODEX_POOLER_DATA_DIR', rule: 'must be an absolute path' });
  if (problems.length > 0 || !parsed.success || dataFolder === undefined) return { ok: false, problems };
  return {
    ok: true,
    config: { ...toConfig(parsed.data), dataFolder, ...strayNames(source.env) },
    secrets: {
      databaseUrl: parsed.data.DATABASE_URL,
      cookieSecret: parsed.data.SECRET_KEY_BASE,
      bootstrapToken: parsed.data.CODEX_POOLER_BOOTSTRAP_TOKEN,
      upstreamKeys: upstream.kind === 'ring' ? upstream.ring : null,
      totpKeys: totp.kind === 'ring' ? totp.ring : null,
    },
  };
}

/** One line per problem, below a heading. */
export function renderEnvironmentProblems(problems: readonly EnvironmentProblem[]): string {
  const lines = problems.map(({ name, rule }) => `  ${name} ${rule}`);
  return ['Codex Pooler cannot start because of its environment variables:', ...lines, ''].join('\n');
}

type Texts = Partial<Record<Name, string>>;

function collectTexts(source: EnvironmentSource): { texts: Texts; problems: EnvironmentProblem[] } {
  const texts: Texts = {};
  const problems: EnvironmentProblem[] = [];
  for (const name of environmentNames) {
    const direct = given(source.env[name]);
    const file = given(source.env[`${name}_FILE`]);
    if (direct !== undefined && file !== undefined) {
      problems.push({ name, rule: `must not be set together with ${name}_FILE` });
    } else if (file !== undefined) {
      try {
        const text = given(readSecretFile(source.readFile(file), isKeyName(name)));
        if (text !== undefined) texts[name] = text;
      } catch {
        problems.push({ name: `${name}_FILE`, rule: 'must name a file this process can read' });
      }
    } else if (direct !== undefined) texts[name] = direct;
  }
  return { texts, problems };
}

/** A key file may hold raw bytes, which do not survive as text. Other files often end in a line break nobody means. */
function readSecretFile(content: Buffer, mayBeRaw: boolean): string {
  if (mayBeRaw && content.length === keyBytes) return content.toString('base64');
  return content.toString('utf8').replace(/\r?\n$/, '');
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}

const upstreamNames = {
  key: 'CODEX_POOLER_UPSTREAM_SECRET_KEY',
  version: 'CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION',
  previous: 'CODEX_POOLER_UPSTREAM_SECRET_PREVIOUS_KEYS',
} as const;

const totpNames = {
  key: 'CODEX_POOLER_TOTP_ENCRYPTION_KEY',
  version: 'CODEX_POOLER_TOTP_KEY_VERSION',
  previous: 'CODEX_POOLER_TOTP_PREVIOUS_KEYS',
} as const;

function isKeyName(name: Name): boolean {
  return name === upstreamNames.key || name === totpNames.key;
}

function ringText(texts: Texts, names: typeof upstreamNames | typeof totpNames): KeyRingText {
  return {
    key: { name: names.key, text: texts[names.key] },
    version: { name: names.version, text: texts[names.version] },
    previous: { name: names.previous, text: texts[names.previous] },
  };
}

function toConfig(values: z.output<typeof schema>): Omit<Config, 'dataFolder' | 'ignoredNames' | 'unknownNames'> {
  return {
    port: values.PORT,
    bindAddress: values.CODEX_POOLER_BIND_ADDRESS,
    publicHost: values.PHX_HOST,
    servesClients: values.PHX_SERVER && (values.OBAN_MODE === 'all' || values.OBAN_MODE === 'web'),
    mode: values.OBAN_MODE,
    jobLimit: values.OBAN_JOBS_QUEUE_LIMIT,
    jobGraceMs: values.OBAN_SHUTDOWN_GRACE_PERIOD_MS,
    drainLimitMs: values.CODEX_POOLER_WEBSOCKET_DRAIN_TIMEOUT_MS,
    drainMarkerPath: values.CODEX_POOLER_DRAIN_MARKER_PATH,
    peersQuery: values.DNS_CLUSTER_QUERY,
    embeddedDatabase: values.DATABASE_URL === null,
    databaseIpv6: values.ECTO_IPV6,
    databasePoolSize: values.POOL_SIZE,
    upstreamUrl: values.CODEX_POOLER_UPSTREAM_URL,
    authUrl: values.CODEX_POOLER_AUTH_URL,
    logLevel: values.CODEX_POOLER_LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
  };
}

/** Undefined when a relative path was given: it would mean another folder for every working directory. */
function readDataFolder(text: string | undefined, source: EnvironmentSource): string | undefined {
  const path = source.platform === 'win32' ? win32 : posix;
  if (text !== undefined) return path.isAbsolute(text) ? path.resolve(text) : undefined;
  if (source.platform === 'win32') {
    return path.join(given(source.env['APPDATA']) ?? path.join(source.home, 'AppData', 'Roaming'), 'Codex Pooler');
  }
  if (source.platform === 'darwin') return path.join(source.home, 'Library', 'Application Support', 'Codex Pooler');
  if (source.isRoot) return '/var/lib/codex-pooler';
  // The XDG base directory specification says to ignore relative paths.
  const xdg = given(source.env['XDG_DATA_HOME']);
  const base = xdg !== undefined && path.isAbsolute(xdg) ? xdg : path.join(source.home, '.local', 'share');
  return path.join(base, 'codex-pooler');
}

function strayNames(env: EnvironmentSource['env']): Pick<Config, 'ignoredNames' | 'unknownNames'> {
  const known = new Set<string>(environmentNames.flatMap((name) => [name, `${name}_FILE`]));
  const ours = Object.keys(env).filter(
    (name) => name.startsWith('CODEX_POOLER_') && given(env[name]) !== undefined && !known.has(name),
  );
  return {
    ignoredNames: ours.filter((name) => elsewhereNames.test(name)).toSorted(),
    unknownNames: ours.filter((name) => !elsewhereNames.test(name) && !clientNames.has(name)).toSorted(),
  };
}
