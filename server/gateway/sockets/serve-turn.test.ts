import { describe, expect, it } from 'vitest';
import { slowSocket } from '../../../test/support/slow-socket.ts';
import { defaultSettings } from '../../contract/settings.ts';
import { createMovableClock } from '../../sandbox/movable-clock.ts';
import { systemClock } from '../../world/real-world.ts';
import { createAnswerMemory } from './answer-memory.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { servePublicTurn } from './serve-public-turn.ts';
import { serveTurn } from './serve-turn.ts';
import type { SocketSurface, TurnStart } from './socket-surface.ts';

const surfaces: readonly (readonly [name: string, serve: SocketSurface['serve'], frame: string])[] = [
  ['of Codex', serveTurn, '{"type":"response.create","input":[]}'],
  ['of /v1', servePublicTurn, '{"type":"response.create","previous_response_id":"resp_unknown"}'],
];

/** A turn that is refused before anything of the gateway is asked but its clock and settings. */
function refusedTurn(serve: SocketSurface['serve'], frame: string) {
  const clock = createMovableClock(systemClock);
  const client = slowSocket();
  const turn = {
    socket: client.socket,
    frame: Buffer.from(frame),
    streamId: null,
    request: { headers: {}, rawHeaders: [] },
    memory: createAnswerMemory({ maxBytes: () => 1_000 }).open(),
    signal: new AbortController().signal,
  } as unknown as TurnStart;
  const parts = { clock, settings: () => defaultSettings } as unknown as GatewayParts;
  let code: string | null | undefined;
  const served = serve(turn, parts).then((told) => (code = told));
  return { ...client, clock, served, code: () => code };
}

const turnsOfTheLoop = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
};

describe.each(surfaces)('a refused turn %s', (_name, serve, frame) => {
  it('lasts until its client took what it was told: the next one would be told into memory', async () => {
    const { served, code, take, frames } = refusedTurn(serve, frame);
    await turnsOfTheLoop(5);
    expect(frames).toHaveLength(1);
    expect(code()).toBeUndefined();
    take();
    await served;
    expect(code()).toBeTypeOf('string');
  });

  it('cuts a client off that takes nothing for too long', async () => {
    const { served, clock, socket } = refusedTurn(serve, frame);
    await turnsOfTheLoop(5);
    clock.advance(defaultSettings['gateway.stream_idle_timeout_ms']);
    await served;
    expect(socket.isTerminated).toBe(true);
  });
});
