/** THE table of client-facing paths that carry inference. Adding a route in a known dialect is one row here. */

export interface GatewayRoute {
  readonly method: 'POST';
  readonly path: string;
  /** Path below the provider's `/backend-api/codex`. */
  readonly upstreamPath: string;
  readonly isCompaction: boolean;
}

export const gatewayRoutes: readonly GatewayRoute[] = [
  { method: 'POST', path: '/backend-api/codex/responses', upstreamPath: '/responses', isCompaction: false },
  { method: 'POST', path: '/backend-api/codex/v1/responses', upstreamPath: '/responses', isCompaction: false },
  {
    method: 'POST',
    path: '/backend-api/codex/responses/compact',
    upstreamPath: '/responses/compact',
    isCompaction: true,
  },
  {
    method: 'POST',
    path: '/backend-api/codex/v1/responses/compact',
    upstreamPath: '/responses/compact',
    isCompaction: true,
  },
];

/** Paths on which a websocket could be asked for; until it is offered they answer 426, which clients take silently. */
export const websocketPaths = ['/backend-api/codex/responses', '/backend-api/codex/v1/responses'] as const;

/** Paths of the Pool's model list. */
export const modelPaths = ['/backend-api/codex/models', '/backend-api/codex/v1/models'] as const;

/** Paths under which Codex clients ask for their limits (wire spec A2). */
export const usagePaths = [
  '/backend-api/wham/usage',
  '/backend-api/codex/usage',
  '/api/codex/usage',
  '/wham/usage',
] as const;
