/**
 * How every call begins and ends, whatever it asks: it runs from its client's request to its last byte, its body may
 * wait for a seat and takes room, its key's policy may refuse it, and whatever it took is given back. What differs between calls is
 * how they are read and told; that is passed in.
 */
import type { Client } from '../api-keys/key-book.ts';
import type { GatewayError } from '../contract/gateway-error.ts';
import type { Settings } from '../contract/settings.ts';
import type { RouteClass } from '../contract/vocabulary.ts';
import { beginForResponse } from './begin-for-response.ts';
import type { Carrier } from './carriers/carrier.ts';
import type { Ask, Exchange } from './exchange.ts';
import type { GatewayParts, IncomingCall } from './gateway-parts.ts';
import { openExchange, type ExchangeStart } from './open-exchange.ts';
import { holdAtLeast, type BodyRoom } from './admission/body-room.ts';
import { takeSeatEarly, type EarlySeat } from './admission/seat-before-body.ts';
import { refuse, serveExchange } from './serve-exchange.ts';

/** A call once it was read. */
export interface ReadCall {
  readonly ask: Ask;
  /** Why its key may not ask this; it leaves a row all the same. */
  readonly refusal: GatewayError | null;
  readonly carrierOf: (exchange: Exchange) => Carrier;
}

export interface CallStory {
  readonly client: Client;
  /** Where a seat is taken before the body is read; null where bodies are small. */
  readonly earlySeat: { readonly lane: RouteClass; readonly model: string } | null;
  /** @throws {GatewayError} for what cannot be read; it costs nothing and leaves no row. */
  readonly read: (settings: Settings, room: BodyRoom) => Promise<ReadCall>;
  readonly parts: GatewayParts;
}

/**
 * A call over HTTP.
 *
 * @throws {GatewayError}, `RefusedByProvider` or `AnswerFailed` while nothing has been sent; afterwards it only ends
 *   the response.
 */
export async function serveCall(call: IncomingCall, { client, earlySeat, read, parts }: CallStory): Promise<void> {
  const run = beginForResponse(call.response, parts.running);
  const { signal } = run;
  const room = parts.bodyRooms.open(client.keyId);
  let seat: EarlySeat | null = null;
  try {
    const settings = parts.settings();
    if (earlySeat) seat = await takeSeatEarly({ client, ...earlySeat, signal }, parts);
    const { ask, refusal, carrierOf } = await read(settings, room);
    // What is made of a body may be larger than the body, and stays as long.
    holdAtLeast(room, ask.body.length);
    const start = { ...call, client, ask, settings, signal };
    await serveAsked(start, { refusal, carrierOf, parts: seat?.parts ?? parts });
  } finally {
    room.leave();
    seat?.leave();
    run.done();
  }
}

/**
 * A call that was read, on whatever connection it came.
 *
 * @throws as {@link serveCall} does.
 */
export async function serveAsked(
  start: ExchangeStart,
  { refusal, carrierOf, parts }: Omit<ReadCall, 'ask'> & { readonly parts: GatewayParts },
): Promise<void> {
  const exchange = openExchange(start, parts);
  if (refusal) throw refuse(exchange, { parts, refusal });
  const carrier = carrierOf(exchange);
  try {
    await serveExchange(exchange, { carrier, parts });
  } catch (error) {
    if (!(await carrier.fail?.(error))) throw error;
    await carrier.end();
  }
}
