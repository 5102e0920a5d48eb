/** What every client language offers the engine. */
import type { GatewayError } from '../../contract/gateway-error.ts';

export interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON-serialisable. */
  readonly body: unknown;
}

export type RenderError = (error: GatewayError) => RenderedError;
