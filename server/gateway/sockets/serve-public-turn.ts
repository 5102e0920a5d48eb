/** The story of one turn of a `/v1` websocket: the pipeline of a `/v1` request, told in frames. */
import { errorFacts } from '../../observe/log.ts';
import { handedOver } from '../carriers/client-socket.ts';
import { createPublicSocketCarrier } from '../carriers/public-socket-carrier.ts';
import type { AnswerRendering } from '../dialects/dialect.ts';
import { frameDialect } from '../dialects/openai-responses/frame-dialect.ts';
import { renderErrorFrame } from '../dialects/openai-responses/render-frames.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { readPublicCall } from '../public/read-public-call.ts';
import { inTermsOfFrame, readPublicTurn, withoutTrigger, type PublicTurn } from './read-public-turn.ts';
import { renderPublicFailure } from '../refusals/render-public-failure.ts';
import { ClientLeft } from '../running-exchanges.ts';
import { serveAsked } from '../serve-call.ts';
import type { TurnStart } from './socket-surface.ts';

/** Serves a turn as `SocketSurface.serve` asks. */
export async function servePublicTurn(turn: TurnStart, parts: GatewayParts): Promise<string | null> {
  const { socket, frame, streamId, memory, requestId, signal } = turn;
  let asked: PublicTurn | null = null;
  let ending: AnswerRendering['ending'] = null;
  try {
    asked = readPublicTurn(frame, memory);
    ending = await answer(asked, { turn, parts });
    return null;
  } catch (error) {
    if (signal.reason instanceof ClientLeft) return null;
    const { code, ...rendered } = renderPublicFailure(asked ? inTermsOfFrame(error, asked) : error, parts.clock.now());
    if (code === 'internal_error') parts.log.error('internal_error', { requestId, ...errorFacts(error) });
    const sent = socket.send(renderErrorFrame(rendered, streamId));
    await handedOver({ sent, socket, exchange: { signal, settings: parts.settings() }, clock: parts.clock });
    return code;
  } finally {
    // What a client could not go on from once it sends whole the next time (v1 spec 2.8).
    const previousId = asked?.previousId ?? null;
    if (previousId !== null && (ending === null || ending === 'failed')) memory.forget(previousId);
  }
}

/**
 * A turn goes to the provider over HTTP: the whole conversation is here, so any account may serve it, and nothing of it
 * hangs on one connection to the provider.
 */
async function answer(
  { document, before, items, isWarmUp }: PublicTurn,
  { turn, parts }: { turn: TurnStart; parts: GatewayParts },
): Promise<AnswerRendering['ending']> {
  const { socket, frame, streamId, client, memory, signal } = turn;
  const { clock } = parts;
  const settings = parts.settings();
  const dialect = frameDialect({
    streamId,
    onCompleted: (responseId, answered) =>
      memory.keep(responseId, { before, items: withoutTrigger([...items, ...answered]) }),
  });
  const { ask, refusal, rendering } = readPublicCall({ body: frame, document }, { client, dialect, settings, parts });
  // With the conversation before it a turn may be far larger than its frame.
  turn.hold(ask.body.length);
  if (!isWarmUp) {
    const carrierOf = (exchange: Exchange) => createPublicSocketCarrier({ socket, exchange, clock, rendering });
    await serveAsked({ ...turn, ask, settings, isTurn: true }, { refusal, carrierOf, parts });
    return rendering.ending;
  }
  // It asks no account, so it costs nothing and leaves no row, refused or not.
  if (refusal) throw refusal;
  let sent: Promise<void> = Promise.resolve();
  for (const each of rendering.push(emptyAnswer)) sent = socket.send(each);
  await handedOver({ sent, socket, exchange: { signal, settings }, clock });
  return rendering.ending;
}

const emptyAnswer = {
  type: 'response.completed',
  response: { output: [], usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 } },
};
