/** What native clients ask beside inference, and what of it reached the provider. */
import type { House } from './household.ts';

export interface NativeCall {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** The key; the household's when absent. */
  readonly as?: string;
}

type Json = Record<string, unknown> & { error?: { code: string; param: string | null } };

export const inspect = async (answer: Response) => ({
  status: answer.status,
  body: (await answer.json()) as Json,
});

/** Reads the house at each call, so it may be made before there is anybody in it. */
export function nativeCalls(house: House) {
  const arrived = () => house.gateway.sandbox.requests;
  return {
    post: (path: string, { body = '{}', headers = {}, as = house.key }: NativeCall = {}) =>
      fetch(house.gateway.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json', ...headers },
        body,
      }),
    requestsTo: (path: string) => arrived().filter((request) => request.path === path),
    /** What clients ask arrives as POST; what the gateway asks for itself, as GET. */
    arrivedSince: (count: number) =>
      arrived()
        .slice(count)
        .filter(({ method }) => method === 'POST'),
  };
}
