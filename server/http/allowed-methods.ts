/** What an address answers, for the `Allow` of a 405 (RFC 9110 §15.5.6). */
import type Router from '@koa/router';
import type { CallState } from './middleware.ts';

/**
 * @param options.except - A path of the router that stands for all that is not there.
 * @returns empty where there is no such address.
 */
export function allowedMethods(
  router: Router<CallState>,
  { path, method, except }: { path: string; method: string; except?: string },
): string {
  const methods = router.match(path, method).path.flatMap((route) => (route.path === except ? [] : route.methods));
  return [...new Set(methods)].toSorted().join(', ');
}
