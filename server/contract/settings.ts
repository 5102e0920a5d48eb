/**
 * Every setting an operator may change, as one list: schema, default, label, help. Storage, validation, the command
 * line and the form are derived from it. Boot-time values are not here; they are environment variables.
 */
import { z } from 'zod';
import { command, query } from './endpoint.ts';
import { lanes, type LaneName } from './lanes.ts';

const setting = <Schema extends z.ZodType>(
  schema: Schema,
  row: { default: z.infer<Schema>; label: string; help: string },
) => ({ schema, ...row });

const bytes = z
  .number()
  .int()
  .min(1024)
  .max(2 ** 31 - 1);
/** With less hardly a request would find room. */
const bodyMemory = z
  .number()
  .int()
  .min(0)
  .max(2 ** 45)
  .refine((value) => value === 0 || value >= 2 ** 20, { error: 'must be 0 or at least 1048576' });
const milliseconds = z.number().int().min(0).max(86_400_000);
/** A limit within which something must come. None at all would refuse everything. */
const timeLimit = z.number().int().min(1_000).max(86_400_000);

/** Nobody on the way may change what comes from there. */
function isSafeAddress(text: string): boolean {
  const url = URL.parse(text);
  if (!url || url.username !== '' || url.password !== '') return false;
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere);
}

/** 0 keeps for ever. */
const days = z.number().int().min(0).max(36_500);
/** The longest limit counts over a calendar month, and what it counts must stay. */
const ledgerDays = days.refine((value) => value === 0 || value >= 35, { error: 'must be 0 or at least 35' });
const seats = z.number().int().min(1).max(100_000);

type LaneSettings = Record<`admission.${LaneName}.${'seats' | 'queue'}`, ReturnType<typeof setting<typeof seats>>> &
  Record<`admission.${LaneName}.wait_ms`, ReturnType<typeof setting<typeof milliseconds>>>;

/** Three for each lane of the list. */
function laneSettings(): LaneSettings {
  const rows = Object.entries(lanes).map(([name, lane]) => ({
    [`admission.${name}.seats`]: setting(seats, {
      default: lane.seats,
      label: `Seats for ${lane.label}`,
      help: 'How many are served at the same time; more wait in line.',
    }),
    [`admission.${name}.queue`]: setting(seats, {
      default: lane.queue,
      label: `Line of ${lane.label}`,
      help: 'How many may wait for a seat; more are refused with 503. Keys take turns.',
    }),
    [`admission.${name}.wait_ms`]: setting(milliseconds, {
      default: lane.waitMs,
      label: `Longest wait of ${lane.label}`,
      help: 'How long one may wait for a seat, or for its key to have a place.',
    }),
  }));
  return Object.assign({}, ...rows) as LaneSettings;
}

export const settings = {
  'gateway.max_compressed_body_bytes': setting(bytes, {
    default: 32 * 2 ** 20,
    label: 'Largest compressed request',
    help: 'Bytes of a gzip, deflate or zstd body before decoding.',
  }),
  'gateway.max_body_bytes': setting(bytes, {
    default: 64 * 2 ** 20,
    label: 'Largest request',
    help: 'Bytes of a request body after decoding, but for those that have a limit of their own.',
  }),
  'gateway.max_responses_body_bytes': setting(bytes, {
    default: 128 * 2 ** 20,
    label: 'Largest conversation',
    help: 'Bytes of a request for a response or a compaction after decoding, and of a message on a websocket. Conversations with images reach tens of megabytes.',
  }),
  'gateway.body_memory_bytes': setting(bodyMemory, {
    default: 0,
    label: 'Memory for requests',
    help: "Bytes that what clients send may take, over all connections, until it is answered; more is refused with 503, the largest first, and no key takes all of it. One request may take nine sixteenths. 0: a quarter of this machine's memory.",
  }),
  'gateway.max_decompression_ratio': setting(z.number().int().min(2).max(10_000), {
    default: 200,
    label: 'Largest expansion',
    help: 'How many times larger than its compressed form a body may become, checked while decoding.',
  }),
  'gateway.body_timeout_ms': setting(timeLimit, {
    default: 10_000,
    label: 'Body time limit',
    help: 'How long a request body may pause while it arrives or is decoded.',
  }),
  'gateway.precommit_timeout_ms': setting(timeLimit, {
    default: 90_000,
    label: 'First answer time limit',
    help: 'How long all attempts together may take until an answer begins.',
  }),
  'gateway.stream_idle_timeout_ms': setting(timeLimit, {
    default: 300_000,
    label: 'Silence time limit',
    help: 'How long the provider may send nothing in the middle of an answer.',
  }),
  'gateway.compact_timeout_ms': setting(timeLimit, {
    default: 300_000,
    label: 'Compaction time limit',
    help: 'How long a compaction call may take.',
  }),
  'gateway.keepalive_ms': setting(milliseconds, {
    default: 15_000,
    label: 'Keep-alive interval',
    help: 'Silence after which a keep-alive event is sent to a streaming client; 0 turns it off. Codex gives up after 300 s.',
  }),
  'gateway.holdback_ms': setting(milliseconds, {
    default: 300,
    label: 'Hold-back time',
    help: 'How long the first bookkeeping events of a stream wait, so that an early failure can still move to another account.',
  }),
  'gateway.upstream_websockets_enabled': setting(z.boolean(), {
    default: true,
    label: 'Websockets to the provider',
    help: "Whether turns of clients' websockets go to the provider over websockets as well; when not, they go over HTTP, and clients send their whole conversation with each.",
  }),
  'gateway.websocket_owner_idle_timeout_ms': setting(z.number().int().min(60_000).max(3_600_000), {
    default: 1_800_000,
    label: 'Provider websocket idle time',
    help: "How long a conversation's websocket to the provider is kept without a turn, so that its next one, or a client that comes back, finds it.",
  }),
  'gateway.websockets_enabled': setting(z.boolean(), {
    default: true,
    label: 'Websockets',
    help: 'Whether clients may speak over websockets; when not, they are told to use HTTP, which Codex does without a word.',
  }),
  'gateway.max_connections': setting(z.number().int().min(16).max(1_000_000), {
    default: 10_000,
    label: 'Open connections',
    help: 'Connections of clients open at the same time, websockets among them. One more closes the one that has been unused longest, or is closed itself when all are in use. Keep it below the number of files that this process may open.',
  }),
  'gateway.max_websockets': setting(seats, {
    default: 1000,
    label: 'Open websockets',
    help: 'Websockets of clients open at the same time; more are refused with 503.',
  }),
  'gateway.websocket_memory_bytes': setting(bytes, {
    default: 256 * 2 ** 20,
    label: 'Websocket memory',
    help: 'Bytes of conversations that /v1 websockets can be gone on from by id, for all of them together; beyond it the oldest are forgotten, and their clients send everything.',
  }),
  'gateway.websocket_idle_timeout_ms': setting(z.number().int().min(60_000).max(3_600_000), {
    default: 1_800_000,
    label: 'Websocket idle time',
    help: 'How long a client may keep a websocket open without asking anything.',
  }),
  ...laneSettings(),
  'circuit.failure_threshold': setting(z.number().int().min(1).max(100), {
    default: 3,
    label: 'Failures that open a circuit',
    help: 'So many failures within five minutes, without a success between them, leave an account alone for one kind of request.',
  }),
  'circuit.open_ms': setting(milliseconds, {
    default: 60_000,
    label: 'Circuit open time',
    help: 'How long such an account is left alone before a request may try it.',
  }),
  'circuit.probes': setting(z.number().int().min(1).max(20), {
    default: 1,
    label: 'Tries at once',
    help: 'How many requests at once may try such an account.',
  }),
  'circuit.successes_to_close': setting(z.number().int().min(1).max(20), {
    default: 1,
    label: 'Successes that close a circuit',
    help: 'How many tries must succeed before the account serves everybody again.',
  }),
  'routing.thread_affinity_ms': setting(milliseconds, {
    default: 3_600_000,
    label: 'Thread affinity',
    help: 'How long after its last answer a conversation prefers the account that served it.',
  }),
  'retention.requests_days': setting(days, {
    default: 30,
    label: 'Request log',
    help: 'Days to keep requests with their attempts; hourly sums and the ledger stay. 0 keeps them for ever.',
  }),
  'retention.ledger_days': setting(ledgerDays, {
    default: 90,
    label: 'Ledger',
    help: 'Days to keep single movements of tokens and money, at least 35 because monthly limits count them. 0 keeps them for ever.',
  }),
  'retention.usage_days': setting(days, {
    default: 730,
    label: 'Hourly sums',
    help: 'Days to keep the sums that charts and totals are made of. 0 keeps them for ever.',
  }),
  'retention.audit_days': setting(days, {
    default: 365,
    label: 'Audit trail',
    help: 'Days to keep who changed what. 0 keeps it for ever.',
  }),
  'retention.removed_days': setting(days, {
    default: 30,
    label: 'Removed things',
    help: 'Days to keep removed accounts and processes that ended. 0 keeps them for ever.',
  }),
  'gateway.originator': setting(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/), {
    default: 'codex_pooler',
    label: 'Name towards the provider',
    help: 'What the gateway calls itself on requests it translates. Requests of Codex clients travel under their own name.',
  }),
  'catalog.prices_url': setting(
    z
      .string()
      .max(2_000)
      .refine((text) => text === '' || isSafeAddress(text), {
        error: 'must be an https:// address without password (http:// only for this machine), or empty',
      }),
    {
      default: '',
      label: 'Price list address',
      help: 'Where a newer price list is fetched once a day, in the form of the bundled one. Empty: the bundled list is used.',
    },
  ),
  'catalog.client_version': setting(z.string().regex(/^\d+\.\d+\.\d+$/), {
    default: '0.169.0',
    label: 'Codex version for model lists',
    help: 'The provider withholds models from older clients; use the newest Codex CLI version you run.',
  }),
} as const;

export type SettingName = keyof typeof settings;
/** One frozen set of all settings. */
export type Settings = { readonly [Name in SettingName]: z.infer<(typeof settings)[Name]['schema']> };

/** Every setting at its default. */
export const defaultSettings: Settings = Object.freeze(
  Object.fromEntries(Object.entries(settings).map(([name, row]) => [name, row.default])),
) as Settings;

const SettingNameSchema = z.enum(Object.keys(settings) as [SettingName, ...SettingName[]]);

const SettingValue = z.union([z.string(), z.number(), z.boolean()]);

export const SettingRow = z.object({
  name: SettingNameSchema,
  value: SettingValue,
  isDefault: z.boolean(),
  label: z.string(),
  help: z.string(),
});

export const settingsEndpoints = {
  list: query('settings.list', { input: z.object({}).strict(), output: z.object({ settings: z.array(SettingRow) }) }),
  change: command('settings.change', {
    input: z
      .object({ name: SettingNameSchema, value: SettingValue.nullable().describe('null puts the default back') })
      .strict(),
    output: z.object({ setting: SettingRow }),
    audit: ['setting.name', 'setting.value'],
  }),
};
