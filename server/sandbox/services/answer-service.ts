/** Finds the service a request is for, and plans its answer: the script first, then the normal handler. */
import type { Provider } from '../provider.ts';
import type { RecordedRequest } from '../recorder.ts';
import type { Plan } from '../steps.ts';
import { notFound, type Route } from './routes.ts';

/** Paths that fit no route at all are 404, as the backend says it (wire spec A2). */
export function planService(provider: Provider, request: RecordedRequest, routes: readonly Route[]): Plan {
  const { parts, tokens } = provider;
  const route = routes.find((candidate) => fits(candidate, request));
  if (!route) return [notFound()];
  const account = route.caller === 'bearer' ? provider.authenticate(request) : route.caller(provider, request);
  if ('do' in account) return [account];
  const params = (route.path.exec(request.path) ?? []).slice(1);
  const proceed = () => route.handle({ provider, request, account, params });
  const scripted = provider.takeScripted(account, route.stage, { path: request.path });
  return scripted ? scripted.service({ parts, tokens, account, request, proceed }) : [proceed()];
}

function fits(route: Route, request: RecordedRequest): boolean {
  return route.method === request.method && route.path.test(request.path) && (route.accepts?.(request) ?? true);
}
