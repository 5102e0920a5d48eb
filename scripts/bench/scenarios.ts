/** What is asked: requests of the size and shape Codex sends, and the answers the sandbox is told to give. */

export interface Scenario {
  readonly id: ScenarioId;
  /** Over websockets only those who speak them are asked: the pipes do not. */
  readonly transport: 'http' | 'websocket';
  readonly title: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly endMark: string;
  readonly isStream: boolean;
  /** Requests at the same time while throughput is measured. */
  readonly connections: number;
  /**
   * How long one answer lasts by the provider's own pace; 0 when it is as fast as it can be. Paced answers are measured
   * while all connections are busy, the others one at a time.
   */
  readonly paceMs: number;
  /** How the sandbox is asked for the same, which speaks no other surface than Codex's own. */
  readonly direct?: Scenario;
}

export type ScenarioId =
  | 'small-json'
  | 'stream-12k'
  | 'stream-200k'
  | 'paced-300'
  | 'turns-12k'
  | 'turns-300'
  | 'public-turns-300';

const model = 'gpt-5.5';
/** A translated request has a thread name of our own, so here the model chooses the answer. */
const publicModels = { paced: 'bench-paced', held: 'bench-held' } as const;
/** Asked on `/v1` by clients that leave in the midst of a long answer. */
export const abortedModel = 'gpt-6-luna';
/** What the account offers. */
export const models = [model, abortedModel, ...Object.values(publicModels)];
/** Sixty events in all: created, item added, the deltas, item done, completed. */
const deltasOfSixty = 56;
/** The pace of demand spec 4.3: 20 pieces, 40 ms apart. */
const paced = { deltas: 20, everyMs: 40 };
/** Long enough to open 300 and look at the memory, with few pieces so that garbage does not hide what is held. */
const held = { deltas: 8, everyMs: 250 };

/** How long a held stream lasts. */
export const heldMs = held.deltas * held.everyMs;
/** Streams held open at once. */
export const openStreams = 300;

/** Standing answers of the sandbox; the thread of a request chooses among them, or its model. */
export const answers = [
  { behaviour: 'N12', deltas: deltasOfSixty, everyMs: 0, bytes: 20, when: { threadStart: 'sixty' } },
  { behaviour: 'N12', ...paced, bytes: 20, when: { threadStart: 'paced' } },
  { behaviour: 'N12', ...held, bytes: 20, when: { threadStart: 'held' } },
  { behaviour: 'N12', deltas: 600, everyMs: 100, bytes: 20, when: { model: abortedModel } },
  { behaviour: 'N12', ...paced, bytes: 20, when: { model: publicModels.paced } },
  { behaviour: 'N12', ...held, bytes: 20, when: { model: publicModels.held } },
] as const;

/** Headers Codex sends (wire spec A3.1); the load process makes a conversation of its own of each connection. */
function codexHeaders(threadId: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    originator: 'codex_exec',
    'user-agent': 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_exec; 0.169.0)',
    'x-codex-beta-features': 'remote_compaction_v2',
    'x-codex-window-id': '01a201d4-a2bd-7270-ba26-065b00e54493:0',
    'thread-id': threadId,
  };
}

const sentence = 'The quick brown fox jumps over the lazy dog while the benchmark runs. ';

function message(role: string, length: number): unknown {
  const text = sentence.repeat(Math.ceil(length / sentence.length)).slice(0, length);
  return { type: 'message', role, content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }] };
}

/** One turn with a tool call, as they fill a conversation: about 3 kB. */
function turn(number: number): unknown[] {
  const call = { call_id: `call_${number}`, name: 'exec_command' };
  return [
    message('user', 300),
    { type: 'function_call', ...call, arguments: JSON.stringify({ cmd: 'ls -la', workdir: '/project' }) },
    { type: 'function_call_output', call_id: call.call_id, output: sentence.repeat(28) },
    message('assistant', 400),
  ];
}

const tools = [
  { type: 'function', name: 'exec_command', description: sentence.repeat(4), strict: false, parameters: {} },
];

/** A body of the full dialect (wire spec A4.2) of exactly this many bytes, made of whole turns and a first message. */
export function streamBody(bytes: number): string {
  const withItems = (items: readonly unknown[]) =>
    JSON.stringify({
      model,
      stream: true,
      input: [...items, message('user', 40)],
      tools,
      tool_choice: 'auto',
      parallel_tool_calls: true,
      reasoning: { effort: 'medium' },
      store: false,
      include: ['reasoning.encrypted_content'],
      prompt_cache_key: '01a201d4-a2bd-7270-ba26-065b00e54493',
      text: { verbosity: 'low' },
    });
  const turns: unknown[] = [];
  const first = (length: number) => message('developer', length);
  while (withItems([first(1_000), ...turns, ...turn(turns.length)]).length <= bytes) turns.push(...turn(turns.length));
  const missing = bytes - withItems([first(1_000), ...turns]).length;
  return withItems([first(1_000 + missing), ...turns]);
}

function stream(
  id: ScenarioId,
  facts: Pick<Scenario, 'title' | 'connections' | 'paceMs'> & { threadId: string; bytes: number },
): Scenario {
  const { title, connections, paceMs, threadId, bytes } = facts;
  return {
    id,
    transport: 'http',
    title,
    connections,
    paceMs,
    path: '/backend-api/codex/responses',
    headers: codexHeaders(threadId),
    body: streamBody(bytes),
    endMark: '"type":"response.completed"',
    isStream: true,
  };
}

/** The same as turns of websockets: the first member of a frame is its type. */
function turns(id: ScenarioId, { like, title }: { like: Scenario; title: string }): Scenario {
  const { accept: _accept, 'content-type': _type, ...headers } = like.headers;
  return {
    ...like,
    id,
    title,
    headers,
    transport: 'websocket',
    body: `{"type":"response.create",${like.body.slice(1)}`,
  };
}

/** The same over `/v1`. */
function publicTurns({ like, title, of }: { like: Scenario; title: string; of: keyof typeof publicModels }): Scenario {
  const body = like.body.replace(`"model":"${model}"`, `"model":"${publicModels[of]}"`);
  return { ...like, id: 'public-turns-300', title, path: '/v1/responses', body, direct: like };
}

const smallJson: Scenario = {
  id: 'small-json',
  transport: 'http',
  title: 'small JSON',
  path: '/backend-api/codex/responses/compact',
  headers: { ...codexHeaders('compact'), accept: 'application/json' },
  // A compaction call refuses `store`, `stream` and `include` (wire spec A11).
  body: JSON.stringify({ model, input: [message('user', 400)], instructions: sentence.repeat(4) }),
  endMark: '"response.compaction"',
  isStream: false,
  connections: 32,
  paceMs: 0,
};

const small = stream('stream-12k', {
  title: '60 events, 12 kB request',
  threadId: 'sixty',
  bytes: 12_000,
  connections: 32,
  paceMs: 0,
});

const pacedStreams = stream('paced-300', {
  title: '300 paced streams',
  threadId: 'paced',
  bytes: 12_000,
  connections: openStreams,
  paceMs: paced.deltas * paced.everyMs,
});

const pacedTurns = turns('turns-300', { like: pacedStreams, title: `${openStreams} paced turns` });

/** In the order of the tables. */
export const scenarios: readonly Scenario[] = [
  smallJson,
  small,
  stream('stream-200k', {
    title: '60 events, 200 kB request',
    threadId: 'sixty',
    bytes: 200_000,
    connections: 32,
    paceMs: 0,
  }),
  pacedStreams,
  turns('turns-12k', { like: small, title: '60 events, 12 kB turn' }),
  pacedTurns,
  publicTurns({ like: pacedTurns, title: `${openStreams} paced /v1 turns`, of: 'paced' }),
];

/** Not measured for speed: the streams that stay open while memory is read. */
export const heldScenario: Scenario = stream('paced-300', {
  title: 'held streams',
  threadId: 'held',
  bytes: 12_000,
  connections: openStreams,
  paceMs: heldMs,
});

/** The same over websockets. */
export const heldTurns: Scenario = turns('turns-300', { like: heldScenario, title: 'held turns' });
/** And over those of `/v1`. */
export const heldPublicTurns: Scenario = publicTurns({ like: heldTurns, title: 'held /v1 turns', of: 'held' });

/** @throws Error naming the choices. */
export function scenarioNamed(id: string): Scenario {
  const found = scenarios.find((scenario) => scenario.id === id);
  if (!found)
    throw new Error(`There is no scenario ${id}. Choose one of: ${scenarios.map((each) => each.id).join(', ')}`);
  return found;
}
