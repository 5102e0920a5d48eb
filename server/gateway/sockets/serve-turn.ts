/** The story of one turn of a websocket: from its frame to the last frame of its answer. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { errorFacts } from '../../observe/log.ts';
import { RefusedByProvider } from '../answer-exchange.ts';
import { applyKeyPolicy } from '../apply-key-policy.ts';
import { handedOver } from '../carriers/client-socket.ts';
import { createKeepAlive, keepAliveFrame } from '../carriers/keep-alive.ts';
import { createWebsocketCarrier } from '../carriers/websocket-carrier.ts';
import { readCodexAsk } from '../dialects/codex/read-ask.ts';
import { readTurn } from '../dialects/codex/read-frame.ts';
import { renderErrorFrame, renderRefusalFrame } from '../dialects/codex/render-error-frame.ts';
import type { Ask, Exchange } from '../exchange.ts';
import { faultRow } from '../attempt/faults.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { headerPairs } from '../header-pairs.ts';
import { ClientLeft } from '../running-exchanges.ts';
import { serveAsked } from '../serve-call.ts';
import { socketOwnerOf } from './socket-owner.ts';
import type { TurnStart } from './socket-surface.ts';

/** Serves a turn as `SocketSurface.serve` asks. */
export async function serveTurn(turn: TurnStart, parts: GatewayParts): Promise<string | null> {
  const { socket, signal } = turn;
  let exchange: Exchange | null = null;
  const settings = parts.settings();
  const keepAlive = createKeepAlive({
    clock: parts.clock,
    everyMs: settings['gateway.keepalive_ms'],
    write: () => {
      if (socket.bufferedBytes === 0) void socket.send(keepAliveFrame);
    },
  });
  try {
    const asked = readCodexAsk(readTurn(turn.frame, { handshake: headerPairs(turn.request.rawHeaders) }));
    const { policy, poolId } = turn.client;
    const { ask, refusal } = applyKeyPolicy(asked, { policy, entries: parts.catalogOf(poolId).entries });
    turn.hold(ask.body.length);
    const socketOwner = settings['gateway.upstream_websockets_enabled']
      ? socketOwnerOf({ ...ask, keyId: turn.client.keyId, connection: turn.connection })
      : null;
    const cannotGoOn = canGoOn(ask, { socketOwner, parts }) ? null : notHeld();
    const start = { ...turn, ask, settings, isTurn: true, socketOwner };
    await serveAsked(start, {
      refusal: refusal ?? cannotGoOn,
      carrierOf(opened) {
        exchange = opened;
        return createWebsocketCarrier({ socket, exchange, clock: parts.clock, keepAlive });
      },
      parts,
    });
    return null;
  } catch (error) {
    if (signal.reason instanceof ClientLeft) return null;
    const { frame, code, isUnknown } = renderFailure(
      exchange && goesElsewhereWhole(exchange, error) ? notHeld() : error,
    );
    if (isUnknown) parts.log.error('internal_error', { requestId: turn.requestId, ...errorFacts(error) });
    const sent = socket.send(frame);
    await handedOver({ sent, socket, exchange: { signal, settings }, clock: parts.clock });
    return code;
  } finally {
    keepAlive.stop();
  }
}

/** What is said instead of an answer. */
function renderFailure(error: unknown): { frame: Buffer; code: string; isUnknown: boolean } {
  if (error instanceof RefusedByProvider && error.fault.answer) {
    const otherwise = new GatewayError(faultRow(error.fault.kind).errorCode);
    return { frame: renderRefusalFrame(error.fault.answer, otherwise), code: error.fault.code, isUnknown: false };
  }
  const known = error instanceof GatewayError ? error : new GatewayError('internal_error', { cause: error });
  return { frame: renderErrorFrame(known), code: known.code, isUnknown: known !== error };
}

/** What a turn goes on from lies on one socket to the provider; without that one the client sends everything. */
function canGoOn(
  { previousResponseIds }: Ask,
  { socketOwner, parts }: { socketOwner: string | null; parts: Pick<GatewayParts, 'sockets'> },
): boolean {
  return previousResponseIds.every((id) => socketOwner !== null && parts.sockets.holds(socketOwner, id));
}

/**
 * A turn that goes on from an answer has one account only. Where that one could not serve it another may, given the
 * whole conversation; whether one can is found out, and said, then.
 */
function goesElsewhereWhole({ ask, isCommitted }: Exchange, error: unknown): boolean {
  if (isCommitted || ask.previousResponseIds.length === 0) return false;
  if (error instanceof RefusedByProvider) return faultRow(error.fault.kind).retry !== 'never';
  return error instanceof GatewayError && (error.row.blame === 'nobody' || error.row.retry === 'other_account');
}

function notHeld(): GatewayError {
  return new GatewayError('previous_response_not_found', { param: 'previous_response_id' });
}
