/** THE list of paths on which a websocket may be asked for, and how each surface speaks over it. */
import { authenticateNative } from './authenticate-native.ts';
import { readFrame } from './dialects/codex/read-frame.ts';
import { renderErrorFrame } from './dialects/codex/render-error-frame.ts';
import { greetCodex } from './greet-socket.ts';
import { serveTurn } from './serve-turn.ts';
import type { SocketRoute, SocketSurface } from './socket-surface.ts';

/** The one of Codex itself. */
const native: SocketSurface = {
  recognise: authenticateNative,
  greet: greetCodex,
  readFrame,
  serve: serveTurn,
  renderError: renderErrorFrame,
};

export const socketRoutes: readonly SocketRoute[] = [
  { path: '/backend-api/codex/responses', surface: native },
  { path: '/backend-api/codex/v1/responses', surface: native },
];
