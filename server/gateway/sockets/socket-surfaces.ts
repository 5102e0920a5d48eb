/** THE list of paths on which a websocket may be asked for, and how each surface speaks over it. */
import { authenticateNative } from '../native/authenticate-native.ts';
import { authenticatePublic } from '../public/authenticate-public.ts';
import { readFrame } from '../dialects/codex/read-frame.ts';
import { renderErrorFrame } from '../dialects/codex/render-error-frame.ts';
import { readFrame as readPublicFrame } from '../dialects/openai-responses/read-frame.ts';
import { renderErrorFrame as renderPublicErrorFrame } from '../dialects/openai-responses/render-frames.ts';
import { greetCodex, greetPublic } from './greet-socket.ts';
import { renderPublicFailure } from '../refusals/render-public-failure.ts';
import { servePublicTurn } from './serve-public-turn.ts';
import { serveTurn } from './serve-turn.ts';
import type { SocketRoute, SocketSurface } from './socket-surface.ts';

/** The one of Codex itself. */
const native: SocketSurface = {
  recognise: authenticateNative,
  greet: greetCodex,
  readFrame,
  serve: serveTurn,
  // Clients do without (wire spec A3.2), and it would cost memory for each socket.
  packsFrames: false,
  tellsOfStop: false,
  renderError: renderErrorFrame,
};

/** The one of OpenAI's client libraries: public events, and nothing kept beyond the socket. */
const openAi: SocketSurface = {
  recognise: authenticatePublic,
  greet: greetPublic,
  readFrame: readPublicFrame,
  serve: servePublicTurn,
  packsFrames: true,
  tellsOfStop: true,
  renderError: (error, { streamId, now }) => renderPublicErrorFrame(renderPublicFailure(error, now), streamId),
};

export const socketRoutes: readonly SocketRoute[] = [
  { path: '/backend-api/codex/responses', surface: native },
  { path: '/backend-api/codex/v1/responses', surface: native },
  { path: '/v1/responses', surface: openAi },
];
