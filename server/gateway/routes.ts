/** THE table of client-facing paths that carry inference. Adding a route in a known dialect is one row here. */
import type { PublicDialectName } from './dialects/public-dialects.ts';

export interface GatewayRoute {
  readonly method: 'POST';
  readonly path: string;
  /** Path below the provider's `/backend-api/codex`. */
  readonly upstreamPath: string;
  readonly isCompaction: boolean;
  readonly bodyLimit: BodyLimit;
}

/** The setting that bounds a body. A whole conversation with its images needs more than anything else. */
export type BodyLimit = 'gateway.max_body_bytes' | 'gateway.max_responses_body_bytes';

const bodyLimit = 'gateway.max_responses_body_bytes';
const turn = { method: 'POST', upstreamPath: '/responses', isCompaction: false, bodyLimit } as const;
const compaction = { method: 'POST', upstreamPath: '/responses/compact', isCompaction: true, bodyLimit } as const;

export const gatewayRoutes: readonly GatewayRoute[] = [
  { ...turn, path: '/backend-api/codex/responses' },
  { ...turn, path: '/backend-api/codex/v1/responses' },
  { ...compaction, path: '/backend-api/codex/responses/compact' },
  { ...compaction, path: '/backend-api/codex/v1/responses/compact' },
];

/** A path in another dialect than the provider's. */
export interface PublicRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly dialect: PublicDialectName;
  readonly bodyLimit: BodyLimit;
}

const chat = { method: 'POST', dialect: 'openai_chat', bodyLimit: 'gateway.max_body_bytes' } as const;

/** THE table of translated paths. */
export const publicRoutes: readonly PublicRoute[] = [
  { method: 'POST', path: '/v1/responses', dialect: 'openai_responses', bodyLimit },
  { method: 'POST', path: '/v1/responses/compact', dialect: 'openai_compaction', bodyLimit },
  { ...chat, path: '/v1/chat/completions' },
  { ...chat, path: '/backend-api/codex/v1/chat/completions' },
];

/** Is an error on this path told in the words of the OpenAI surface? */
export function isPublicPath(path: string): boolean {
  // Not by an expression: one that looks for slashes at the end begins anew at each of sixty thousand.
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  const plain = path.slice(0, end);
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
