/** One open socket: one response at a time, continued only by ids that were made on it (wire spec A7, W4, W5, W7). */
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { Account } from './account.ts';
import {
  connectionLimitReached,
  previousResponseNotFound,
  protocolError,
  responseInProgress,
} from './behaviours/websocket.ts';
import type { HandshakePlan } from './handshake.ts';
import { planAnswer } from './inference.ts';
import type { PlayEnd } from './play-http.ts';
import { playWebsocket } from './play-websocket.ts';
import type { Provider } from './provider.ts';
import { readAsk } from './read-ask.ts';
import type { RecordedRequest } from './recorder.ts';
import { refuse, type Step } from './steps.ts';
import { findFault } from './strict-rules.ts';
import type { Ask } from './turn.ts';

interface Session {
  readonly provider: Provider;
  readonly account: Account;
  readonly plan: HandshakePlan;
  readonly handshake: RecordedRequest;
  readonly socket: WebSocket;
  readonly tcp: Socket;
}

/** A socket lives 60 minutes unless scripted otherwise (wire spec B13). */
const usualLifeMs = 3_600_000;

export function openSession(session: Session): void {
  const { provider, account, plan, socket } = session;
  const { clock } = provider.parts;
  /** Ids that the next frame may continue. */
  const known = new Set<string>();
  let isRunning = false;

  // After a protocol error, such as a message over the limit, `ws` closes the socket by itself with the fitting code.
  socket.on('error', () => socket.close());
  socket.on('message', (content, isBinary) => {
    receive(content, isBinary).catch(() => socket.terminate());
  });
  const life = clock.timer(plan.lifeMs ?? usualLifeMs, () => {
    void play([connectionLimitReached(), { do: 'close', code: 1001 }]);
  });
  socket.once('close', () => life.stop());
  if (plan.end?.at === 'open') void play([ending(plan.end.how)]);

  async function receive(content: RawData, isBinary: boolean): Promise<void> {
    const request = recordFrame(session, content);
    if (isBinary) return void (await play([protocolError('invalid_message', 'Binary messages are not accepted.')]));
    const reading = readAsk(request, 'websocket');
    if (reading.fault) return void (await play([reading.fault]));
    const { ask, body } = reading;
    const kind = body['type'];
    if (kind !== 'response.create') {
      return void (await play([protocolError('unknown_message_type', 'Only response.create is accepted.')]));
    }
    if (isRunning) return void (await play([responseInProgress()]));
    const fault = findFault(reading, account) ?? findContinuationFault(ask);
    if (fault) return void (await play([fault]));
    if (ask.prewarm && plan.prewarm === 'ignored') return;
    isRunning = true;
    try {
      await (ask.prewarm ? prewarm(ask) : answer(ask, request));
    } finally {
      isRunning = false;
    }
  }

  function findContinuationFault(ask: Ask): Step | undefined {
    const id = ask.previousResponseId;
    return id === undefined || known.has(id) ? undefined : previousResponseNotFound(id);
  }

  async function prewarm(ask: Ask): Promise<void> {
    const failure = refuse(500, { error: { type: 'server_error', code: 'server_error', message: 'Prewarm failed.' } });
    if (plan.prewarm === 'failed') return void (await play([failure]));
    await play(planAnswer(provider, account, ask).plan);
    if (plan.end?.at === 'prewarm') await play([ending(plan.end.how)]);
  }

  async function answer(ask: Ask, request: RecordedRequest): Promise<void> {
    const { plan: steps } = planAnswer(provider, account, ask);
    account.counters.openStreams += 1;
    let outcome: PlayEnd = 'cut';
    try {
      outcome = await play(steps);
    } finally {
      account.counters.openStreams -= 1;
      provider.recorder.streamEnded({ account: account.name, request: request.number, outcome });
    }
  }

  function play(steps: Iterable<Step>) {
    const completed = (id: string) => void known.add(id);
    return playWebsocket(steps, { clock, socket, tcp: session.tcp, report: account.report, completed });
  }
}

function ending(how: number | 'reset'): Step {
  return how === 'reset' ? { do: 'cut', how: 'reset' } : { do: 'close', code: how };
}

/** A frame is a request of its own in the record, with the headers of its handshake. */
function recordFrame(session: Session, content: RawData): RecordedRequest {
  const { handshake, provider } = session;
  const body = Array.isArray(content) ? Buffer.concat(content) : Buffer.from(content as Buffer);
  const request = provider.recorder.record({
    ...handshake,
    kind: 'frame',
    body,
    wireBytes: body.length,
    at: provider.parts.clock.now(),
  });
  provider.inspect(request);
  return request;
}
