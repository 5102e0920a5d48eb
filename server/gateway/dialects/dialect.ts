/** What every client language offers the engine. */
export interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON-serialisable. */
  readonly body: unknown;
}
