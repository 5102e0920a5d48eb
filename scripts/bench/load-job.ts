/** What the load process is asked to do and what it answers: plain values that travel between processes. */

export interface LoadJob {
  /** How it is asked: each time anew, or as turns of one websocket per connection. */
  readonly transport: 'http' | 'websocket';
  /** Origin, e.g. `http://127.0.0.1:40001`. */
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Requests at the same time, each on a connection of its own that is kept from job to job. */
  readonly connections: number;
  /** Ends after so many requests per connection, or when no new one may begin after this time. */
  readonly until: { readonly requestsEach: number } | { readonly ms: number };
  /** The connections begin spread evenly over this time, as clients do; 0 is all at once. */
  readonly rampMs: number;
  /** A text that stands near the end of every whole answer; without it the answer counts as failed. */
  readonly endMark: string;
}

export interface LoadResult {
  /** From sending to the first byte of the body, one per answer. */
  readonly firstByteMs: readonly number[];
  /** From sending to the end of the body. */
  readonly totalMs: readonly number[];
  readonly failures: number;
  /** What went wrong first: status and start of the body, or the error's code. */
  readonly firstFailure: string | null;
  /** From the first request's start to the last answer's end. */
  readonly elapsedMs: number;
}

/** Messages carry a number, so that an answer finds its question. */
export interface LoadQuestion {
  readonly number: number;
  readonly job: LoadJob;
}

export type LoadAnswer =
  | { readonly number: number; readonly result: LoadResult }
  | { readonly number: number; readonly problem: string };
