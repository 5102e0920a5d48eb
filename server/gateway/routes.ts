/** THE table of client-facing paths that carry inference. Adding a route in a known dialect is one row here. */
import type { PublicDialectName } from './dialects/public-dialects.ts';

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

/** A path in another dialect than the provider's. */
export interface PublicRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly dialect: PublicDialectName;
}

/** THE table of translated paths. */
export const publicRoutes: readonly PublicRoute[] = [
  { method: 'POST', path: '/v1/responses', dialect: 'openai_responses' },
  { method: 'POST', path: '/v1/responses/compact', dialect: 'openai_compaction' },
  { method: 'POST', path: '/v1/chat/completions', dialect: 'openai_chat' },
  { method: 'POST', path: '/backend-api/codex/v1/chat/completions', dialect: 'openai_chat' },
];

/** Is an error on this path told in the words of the OpenAI surface? */
export function isPublicPath(path: string): boolean {
  const plain = path.replace(/\/+$/, '');
  return plain === '/v1' || path.startsWith('/v1/') || publicRoutes.some((route) => route.path === plain);
}

/** Paths of the Pool's model list. */
export const modelPaths = ['/backend-api/codex/models', '/backend-api/codex/v1/models'] as const;

/** Paths under which Codex clients ask for their limits (wire spec A2). */
export const usagePaths = [
  '/backend-api/wham/usage',
  '/backend-api/codex/usage',
  '/api/codex/usage',
  '/wham/usage',
] as const;

/** Paths under which they ask for the workspace of their account. */
export const accountsCheckPaths = [
  '/backend-api/wham/accounts/check',
  '/api/codex/accounts/check',
  '/wham/accounts/check',
] as const;

/** Paths under which they ask for saved resets; spending one is the operator's. */
export const savedResetPaths = [
  '/backend-api/wham/rate-limit-reset-credits',
  '/api/codex/rate-limit-reset-credits',
  '/wham/rate-limit-reset-credits',
] as const;
