/** What arrived at the sandbox, in order, and what should not have: the memory that tests and the control API read. */

/** One HTTP request, websocket handshake or websocket message, as it came over the wire. */
export interface RecordedRequest {
  /** 1, 2, 3 … over everything that arrived. */
  readonly number: number;
  readonly kind: 'http' | 'handshake' | 'frame';
  /** `GET` for handshakes and for the frames that follow one. */
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly query: string;
  /** In the order and the letter case of the wire. For a frame: those of its handshake. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** After content decoding. Empty for handshakes. */
  readonly body: Buffer;
  /** Body bytes on the wire, before decoding. */
  readonly wireBytes: number;
  readonly encoding: string | undefined;
  /** Name of the account the credential belongs to, when it belongs to one. */
  readonly account: string | undefined;
  /** Number of the TCP connection (1, 2, 3 …). */
  readonly socket: number;
  readonly at: Date;
  /** The header's value; names in any case. */
  header(name: string): string | undefined;
  /** The body parsed as JSON; throws when it is none. */
  json(): Record<string, unknown>;
}

/** A breach of the rules that the provider would not necessarily answer with an error (wire spec D1). */
export interface Violation {
  readonly rule: 'cookie' | 'forwarding_header' | 'pool_key' | 'foreign_turn_state' | 'upload_credential';
  /** Header name or place; never the value. */
  readonly where: string;
  /** `number` of the request. */
  readonly request: number;
  readonly account: string | undefined;
}

/** How a stream ended, seen from the sandbox. */
export interface StreamEnd {
  readonly account: string;
  readonly request: number;
  /** `done`: everything planned was sent. `left`: the other side went away first. `cut`: the plan broke it off. */
  readonly outcome: 'done' | 'left' | 'cut';
}

export type RequestFilter =
  | ((request: RecordedRequest) => boolean)
  | Partial<Pick<RecordedRequest, 'kind' | 'method' | 'path' | 'account'>>;

export type Arrival = Omit<RecordedRequest, 'number' | 'header' | 'json'>;

export interface Recorder {
  readonly requests: readonly RecordedRequest[];
  readonly violations: readonly Violation[];
  record(arrival: Arrival): RecordedRequest;
  breach(violation: Violation): void;
  streamEnded(end: StreamEnd): void;
  nextRequest(filter?: RequestFilter): Promise<RecordedRequest>;
  nextStreamEnd(filter?: Partial<StreamEnd>): Promise<StreamEnd>;
  reset(): void;
}

interface Waiter<Thing> {
  readonly matches: (thing: Thing) => boolean;
  readonly resolve: (thing: Thing) => void;
}

/** Keeps the newest `keep` requests; older ones are forgotten so that a long benchmark does not fill the memory. */
export function createRecorder(options: { keep: number }): Recorder {
  const requests: RecordedRequest[] = [];
  const violations: Violation[] = [];
  const requestWaiters = createWaiters<RecordedRequest>();
  const endWaiters = createWaiters<StreamEnd>();
  let count = 0;

  return {
    requests,
    violations,
    record(arrival) {
      count += 1;
      const request: RecordedRequest = {
        ...arrival,
        number: count,
        header: (name) => findHeader(arrival.headers, name),
        json: () => JSON.parse(arrival.body.toString('utf8')) as Record<string, unknown>,
      };
      requests.push(request);
      if (requests.length > options.keep) requests.shift();
      requestWaiters.tell(request);
      return request;
    },
    breach: (violation) => void violations.push(violation),
    streamEnded: (end) => endWaiters.tell(end),
    nextRequest: (filter = {}) => requestWaiters.next(toPredicate(filter)),
    nextStreamEnd: (filter = {}) => endWaiters.next(toPredicate(filter)),
    reset() {
      requests.length = 0;
      violations.length = 0;
    },
  };
}

function findHeader(headers: Arrival['headers'], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

function toPredicate<Thing extends object>(
  filter: ((thing: Thing) => boolean) | Partial<Thing>,
): (thing: Thing) => boolean {
  if (typeof filter === 'function') return filter;
  const wanted = Object.entries(filter);
  return (thing) => wanted.every(([key, value]) => thing[key as keyof Thing] === value);
}

function createWaiters<Thing>() {
  let waiting: Waiter<Thing>[] = [];
  return {
    next: (matches: (thing: Thing) => boolean) =>
      new Promise<Thing>((resolve) => void waiting.push({ matches, resolve })),
    tell(thing: Thing): void {
      if (waiting.length === 0) return;
      const told = waiting.filter((waiter) => waiter.matches(thing));
      waiting = waiting.filter((waiter) => !told.includes(waiter));
      for (const waiter of told) waiter.resolve(thing);
    },
  };
}
