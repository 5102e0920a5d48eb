/** Asking a gateway on its OpenAI surface, and looking into what it says. */
import type { GatewayUnderTest } from './gateway-under-test.ts';

/** A document looked into by name. */
export interface Loose {
  readonly [name: string | number]: Loose;
}

export interface PublicAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: () => Loose;
  /** What each `data:` line of a stream holds. */
  readonly data: () => string[];
}

export interface PublicAsk {
  readonly path: string;
  /** null: none, which asks as GET. */
  readonly body?: unknown;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
}

/** @param ask.body - A document, or text or bytes to be sent as they are. */
export async function askPublic(gateway: Pick<GatewayUnderTest, 'url'>, ask: PublicAsk): Promise<PublicAnswer> {
  const { path, body = null, key = null, headers = {}, method = body === null ? 'GET' : 'POST' } = ask;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const answer = await fetch(gateway.url + path, {
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === null ? {} : { body: isRaw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: () => JSON.parse(text) as Loose,
    data: () => text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : [])),
  };
}
