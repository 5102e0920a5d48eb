/** THE table of account services: path, stage of its script, who is asking, and the normal answer. */
import type { Account } from '../account.ts';
import type { Stage } from '../behaviours/define.ts';
import type { Provider } from '../provider.ts';
import type { RecordedRequest } from '../recorder.ts';
import { refuse, type RefuseStep } from '../steps.ts';
import { deviceRoutes } from './device.ts';
import { hostedRoutes } from './hosted.ts';
import { oauthRoutes, signingIn } from './oauth.ts';
import { fileRoutes } from './uploads.ts';
import { whamRoutes } from './wham.ts';

export interface RouteCall {
  readonly provider: Provider;
  readonly request: RecordedRequest;
  /** The caller's account; for sign-in services the one the token or code in the body belongs to. */
  readonly account: Account;
  /** Groups of the path pattern. */
  readonly params: readonly string[];
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: RegExp;
  readonly stage: Stage;
  /** `bearer`: a live access token and its account id. Otherwise: a function that finds the account in the request. */
  readonly caller: 'bearer' | ((provider: Provider, request: RecordedRequest) => Account | RefuseStep);
  /** A further condition, for paths that serve several things. */
  readonly accepts?: (request: RecordedRequest) => boolean;
  readonly handle: (call: RouteCall) => RefuseStep;
}

/** What the backend says on a path it does not have. */
export function notFound(): RefuseStep {
  return refuse(404, { detail: 'Not Found' });
}

/** Background calls of the clients that nobody needs an answer to (wire spec A2, D4 A14). */
const noiseRoutes: readonly Route[] = (['GET', 'POST', 'PUT'] as const).map((method) => ({
  method,
  path: /^\/backend-api\/(?:wham\/|ps\/|codex\/analytics-events\/)/,
  stage: 'noise',
  caller: (provider) => signingIn(provider),
  handle: notFound,
}));

export const serviceRoutes: readonly Route[] = [
  ...oauthRoutes,
  ...deviceRoutes,
  ...whamRoutes,
  ...fileRoutes,
  ...hostedRoutes,
  ...noiseRoutes,
];
