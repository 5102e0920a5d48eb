/**
 * The websockets to the provider, kept per conversation and account: a turn finds the socket of the turn before, and
 * looks to the engine like an HTTP call. Where no socket can be had, the turn goes over HTTP.
 */
import type { AccountFacts, Credential } from '../accounts/account.ts';
import { createExpiringMap } from '../lib/expiring-map.ts';
import { NetworkFault, type Clock, type HttpAnswer, type Log, type Network } from '../world/world.ts';
import { openCodexSocket, type CodexSocket } from './codex-socket.ts';
import { handshakeHeaders, previousResponseIn, renderFrame } from './render-frame.ts';
import type { SocketTurn } from './socket-turn.ts';
import { createTurnBody } from './turn-body.ts';

export interface SocketAsk {
  /** Whose socket it is: a word for one client's conversation. */
  readonly owner: string;
  readonly account: AccountFacts;
  readonly credential: Credential;
  /** `https://…`, the address that answers HTTP as well. */
  readonly url: string;
  /** The body of the HTTP request. */
  readonly body: Buffer;
  readonly identityHeaders: readonly (readonly [name: string, value: string])[];
  /** Only when this account issued it. */
  readonly turnState: string | null;
  readonly signal: AbortSignal;
}

/** How many sockets there are now. */
export interface SocketCounts {
  readonly open: number;
  readonly idle: number;
  readonly byAccount: ReadonlyMap<string, number>;
}

export interface CodexSockets {
  /**
   * The answer to one turn; null when it must go over HTTP.
   *
   * @throws {NetworkFault} when none came.
   */
  call(ask: SocketAsk): Promise<HttpAnswer | null>;
  /** Whether a turn of this owner can go on from that answer. */
  holds(owner: string, responseId: string): boolean;
  /** The account signed in anew or went away: its sockets go, those in use after their turn. */
  release(accountId: string): void;
  /** After sleep or a change of network: sockets that no longer answer are ended. */
  revalidate(): void;
  counts(): SocketCounts;
  stop(): void;
}

export interface CodexSocketsParts {
  readonly network: Pick<Network, 'openWebsocket'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a socket is kept for a next turn. */
  readonly idleMs: () => number;
}

/** The provider closes a socket for a longer message, so such a turn goes over HTTP (wire spec B13). */
export const maxFrameBytes = 16 * 2 ** 20;
/** As many as clients may keep open here; beyond it the one unused longest goes. */
const maxIdleSockets = 1000;
/** As long as Codex itself waits for a handshake (wire spec A7.6). */
export const handshakeMs = 15_000;
/** An account that takes no websocket is not asked for one again for so long. */
export const refusedMs = 10 * 60_000;
/** A handshake that led to nothing may be a passing thing. */
const brokenMs = 60_000;
/** After waking up a living socket answers at once. */
const wakeMs = 5_000;

/** Nothing of the turn is in a handshake, so these say that no websocket is to be had here (wire spec A7.3). */
const noWebsocket: ReadonlySet<number> = new Set([400, 404, 405, 413, 426, 501]);
const isNoWebsocket = (status: number) => (status >= 200 && status < 300) || noWebsocket.has(status);

interface Kept {
  readonly socket: CodexSocket;
  /** Everything that must be the same for the socket to serve another turn. */
  readonly match: string;
  readonly accountId: string;
  readonly owner: string;
}

export function createCodexSockets({ network, clock, log, idleMs }: CodexSocketsParts): CodexSockets {
  /** Per owner and account the newest. */
  const slots = new Map<string, Map<string, Kept>>();
  const all = new Set<Kept>();
  /** Those without a turn, the one unused longest first. */
  const idle = new Map<Kept, { stop(): void }>();
  /** Handshakes under way. */
  const births = new Set<{ readonly accountId: string; isReleased: boolean }>();
  const refusing = createExpiringMap<string, true>({ maxEntries: 1000 });

  async function call(ask: SocketAsk): Promise<HttpAnswer | null> {
    // Whoever asks hears of an abort only once; what was aborted before would go on at the provider.
    if (ask.signal.aborted) throw new NetworkFault('aborted', { systemCode: 'ABORTED', cause: ask.signal.reason });
    const frame = renderFrame(ask.body, ask);
    const previous = previousResponseIn(ask.body);
    const found = idleSocketOf(ask);
    if (previous !== null && (!found?.socket.holds(previous) || frame.length >= maxFrameBytes)) return notFound();
    if (frame.length >= maxFrameBytes) return null;
    if (found) {
      const turn = askOn(found, { frame, ask });
      try {
        return await turn.answer;
      } catch (error) {
        // A socket that died unnoticed has not begun the turn; what goes on from it cannot go elsewhere.
        if (!diedUnseen(turn, ask, error)) throw error;
        if (previous !== null) return notFound();
        if (isTooLong(error)) return null;
      }
    }
    const birth = { accountId: ask.account.id, isReleased: false };
    births.add(birth);
    const opened = await open(ask).finally(() => births.delete(birth));
    if (!opened || !('socket' in opened)) return opened;
    const turn = askOn(opened, { frame, ask });
    if (birth.isReleased) opened.socket.retire('released');
    return turn.answer.catch((error: unknown) => {
      if (diedUnseen(turn, ask, error) && isTooLong(error)) return null;
      throw error;
    });
  }

  function idleSocketOf(ask: SocketAsk): Kept | null {
    const kept = slots.get(ask.owner)?.get(ask.account.id);
    if (!kept || kept.socket.state !== 'idle') return null;
    if (kept.match === matchOf(ask)) return kept;
    kept.socket.retire('outdated');
    return null;
  }

  function askOn(kept: Kept, { frame, ask }: { frame: Buffer; ask: SocketAsk }): SocketTurn {
    idle.get(kept)?.stop();
    idle.delete(kept);
    return kept.socket.ask(frame, ask.signal);
  }

  /** A socket that is the owner's from now on, the refusal of its handshake, or null for HTTP. */
  async function open(ask: SocketAsk): Promise<Kept | HttpAnswer | null> {
    const place = `${ask.account.id}\n${ask.url}`;
    if (refusing.get(place, clock.monotonicMs())) return null;
    const avoid = (ms: number, facts: { upstreamStatus?: number; reason: string }) => {
      refusing.set(place, { value: true, endsMs: clock.monotonicMs() + ms });
      log.info('upstream_websocket_avoided', { accountId: ask.account.id, ...facts });
      return null;
    };
    const limit = new AbortController();
    const timer = clock.timer(handshakeMs, () => limit.abort());
    let kept: Kept | null = null;
    try {
      const opening = await openCodexSocket(
        { url: ask.url, headers: handshakeHeaders(ask), signal: AbortSignal.any([ask.signal, limit.signal]) },
        {
          network,
          clock,
          onIdle: () => kept && rest(kept),
          onClosed: (facts) => kept && forget(kept, facts),
        },
      );
      if (opening.kind === 'open') {
        const { account, owner } = ask;
        kept = { socket: opening.socket, match: matchOf(ask), accountId: account.id, owner };
        return keep(kept);
      }
      const { answer } = opening;
      if (!isNoWebsocket(answer.status)) return answer;
      answer.cancel();
      return avoid(refusedMs, { upstreamStatus: answer.status, reason: 'refused' });
    } catch (error) {
      const isOurs = !(error instanceof NetworkFault) || ask.signal.aborted || error.kind === 'connect';
      if (isOurs) throw error;
      return avoid(brokenMs, { reason: limit.signal.aborted ? 'timeout' : error.systemCode });
    } finally {
      timer.stop();
    }
  }

  function keep(kept: Kept): Kept {
    const ofOwner = slots.get(kept.owner) ?? new Map<string, Kept>();
    // One that still answers an earlier turn is not waited for, and goes after it.
    ofOwner.get(kept.accountId)?.socket.retire('replaced');
    ofOwner.set(kept.accountId, kept);
    slots.set(kept.owner, ofOwner);
    all.add(kept);
    log.info('upstream_websocket_opened', { accountId: kept.accountId, count: all.size });
    return kept;
  }

  function rest(kept: Kept): void {
    idle.set(
      kept,
      clock.timer(idleMs(), () => kept.socket.retire('idle')),
    );
    if (idle.size > maxIdleSockets) for (const oldest of idle.keys()) return oldest.socket.retire('crowded_out');
  }

  function forget(kept: Kept, { reason, ageMs }: { reason: string; ageMs: number }): void {
    idle.get(kept)?.stop();
    idle.delete(kept);
    all.delete(kept);
    const ofOwner = slots.get(kept.owner);
    if (ofOwner?.get(kept.accountId) === kept) ofOwner.delete(kept.accountId);
    if (ofOwner?.size === 0) slots.delete(kept.owner);
    const { accountId } = kept;
    log.info('upstream_websocket_closed', { accountId, reason, durationMs: Math.round(ageMs), count: all.size });
  }

  return {
    call,
    holds: (owner, responseId) =>
      [...(slots.get(owner)?.values() ?? [])].some(({ socket }) => socket.state === 'idle' && socket.holds(responseId)),
    release(accountId) {
      for (const kept of all) if (kept.accountId === accountId) kept.socket.retire('released');
      for (const birth of births) birth.isReleased ||= birth.accountId === accountId;
    },
    revalidate: () => all.forEach(({ socket }) => socket.check(wakeMs)),
    counts() {
      const byAccount = new Map<string, number>();
      for (const { accountId } of all) byAccount.set(accountId, (byAccount.get(accountId) ?? 0) + 1);
      return { open: all.size, idle: idle.size, byAccount };
    },
    stop: () => [...all].forEach(({ socket }) => socket.retire('stopping')),
  };
}

/** Who the client says it is; the rest of its headers speaks of single turns, and so do frames. */
const identityNames = ['originator', 'user-agent', 'version'];

function matchOf({ url, credential, identityHeaders }: SocketAsk): string {
  const identity = identityHeaders.filter(([name]) => identityNames.includes(name));
  return JSON.stringify([url, credential.epoch, identity]);
}

function diedUnseen(turn: SocketTurn, { signal }: SocketAsk, error: unknown): boolean {
  return error instanceof NetworkFault && error.kind === 'reset' && !turn.hasBegun && !signal.aborted;
}

/** The provider takes shorter messages than we thought; over HTTP it takes this one. */
function isTooLong(error: unknown): boolean {
  return error instanceof NetworkFault && error.systemCode === 'websocket_closed_1009';
}

/** What the provider says of an answer that is not held on a socket; clients then send everything (wire spec D3.9). */
function notFound(): HttpAnswer {
  const body = createTurnBody({ onFull: () => undefined, onRoom: () => undefined });
  const error = {
    type: 'invalid_request_error',
    code: 'previous_response_not_found',
    message: 'The answer this turn goes on from is not held on this connection.',
    param: 'previous_response_id',
  };
  body.push(Buffer.from(JSON.stringify({ error })));
  body.end();
  return {
    status: 400,
    headers: new Map([['content-type', 'application/json']]),
    body: body.chunks,
    cancel: () => undefined,
  };
}
