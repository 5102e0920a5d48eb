/** What every client language offers the engine. */
export interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON-serialisable. */
  readonly body: unknown;
}

/** What is said of a failure once an answer has begun. */
export interface SaidFailure {
  /** That HTTP would have. */
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly type: string;
}

/** One answer on its way into another language than the provider's: as SSE, unless it says otherwise. */
export interface AnswerRendering<Told = string> {
  /** What the client reads for one event of the provider: whole SSE blocks, or nothing. */
  push(event: Readonly<Record<string, unknown>>): Told;
  /** The last that the client reads of an answer that broke; nothing when it had ended. */
  breakOff(failure: SaidFailure): Told;
  /** How the provider ended the answer; null while it has not. */
  readonly ending: 'completed' | 'incomplete' | 'failed' | null;
  /** The provider's own error object, where the answer failed by its word. */
  readonly failure: Readonly<Record<string, unknown>> | null;
  /** The whole answer as one document. Call only once it ended well. */
  document(): unknown;
}
