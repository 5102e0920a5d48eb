import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isAtRest,
  maxLine,
  newSession,
  stepSession,
  type Command,
  type SessionEvent,
  type SessionState,
} from './websocket-session.ts';

const limits = { maxLineBytes: 100 };
const turn = (turnId: string | null = null, bytes = 1): SessionEvent => ({
  kind: 'turn',
  frame: Buffer.alloc(bytes),
  streamId: null,
  turnId,
});
const turnEnded = (number: number): SessionEvent => ({ kind: 'turn_ended', number });

/** Plays events from a new session. */
function play(...events: SessionEvent[]): { state: SessionState; commands: string[] } {
  let state = newSession;
  const commands: string[] = [];
  for (const event of events) {
    const step = stepSession(state, { event, limits });
    state = step.state;
    commands.push(...step.commands.map(shown));
  }
  return { state, commands };
}

function shown(command: Command): string {
  if (command.do === 'serve') return `serve ${command.turn.number}`;
  if (command.do === 'refuse') return `refuse ${command.code}`;
  return command.do === 'close' ? `close ${command.closing.code} ${command.closing.reason}` : command.do;
}

describe('turns', () => {
  it('are served one after the other, in their order, and what is asked between them waits', () => {
    expect(play(turn(), turn(), { kind: 'warm_up' }, turn()).commands).toEqual(['serve 1']);
    const { state, commands } = play(turn(), turn(), { kind: 'warm_up' }, turn(), turnEnded(1), turnEnded(2));
    expect(commands).toEqual(['serve 1', 'serve 2', 'answer_warm_up', 'serve 3']);
    expect(state).toMatchObject({ running: 3, line: [], lineBytes: 0 });
  });

  it('end once: a late word of an earlier turn changes nothing', () => {
    expect(play(turn(), turnEnded(1), turn(), turnEnded(1), turnEnded(7)).state.running).toBe(2);
  });

  it('keep the names that their client gave them', () => {
    const { commands } = stepSession(newSession, { event: turn('a'), limits });
    expect(commands).toMatchObject([{ do: 'serve', turn: { number: 1, turnId: 'a' } }]);
  });

  it('beyond the line are refused at once, by number and by bytes', () => {
    const many = Array.from({ length: maxLine + 2 }, () => turn());
    expect(play(...many).commands).toEqual(['serve 1', 'refuse websocket_queue_full']);
    expect(play(turn(null, 1), turn(null, 60), turn(null, 41), turn(null, 40)).commands).toEqual([
      'serve 1',
      'refuse websocket_queue_full',
    ]);
    const warmUps = Array.from({ length: maxLine + 1 }, (): SessionEvent => ({ kind: 'warm_up' }));
    expect(play(turn(), ...warmUps).commands).toEqual(['serve 1', 'refuse websocket_queue_full']);
    // A frame alone in the line may be as large as a frame may be.
    expect(play(turn(), turn(null, 5_000), turnEnded(1)).commands).toEqual(['serve 1', 'serve 2']);
  });

  it('are refused by the name of their stream, as frames that cannot be served are', () => {
    const named = (event: SessionEvent): SessionEvent => ({ ...event, streamId: 'lane' }) as SessionEvent;
    const many = Array.from({ length: maxLine + 1 }, () => turn());
    let state = newSession;
    for (const event of many) ({ state } = stepSession(state, { event, limits }));
    expect(stepSession(state, { event: named(turn()), limits }).commands).toEqual([
      { do: 'refuse', code: 'websocket_queue_full', streamId: 'lane' },
    ]);
    const refusal = { kind: 'refusal', code: 'invalid_request', param: 'type', streamId: 'lane' } as const;
    expect(stepSession(newSession, { event: refusal, limits }).commands).toEqual([
      { do: 'refuse', code: 'invalid_request', param: 'type', streamId: 'lane' },
    ]);
  });
});

describe('a socket is closed', () => {
  it.each<[string, SessionEvent, string]>([
    ['binary frame', { kind: 'binary' }, 'close 1003 binary_frame'],
    ['key that ended', { kind: 'key_ended', code: 'api_key_paused' }, 'close 1008 api_key_paused'],
    ['stopping gateway', { kind: 'draining' }, 'close 1012 gateway_stopping'],
    ['long silence', { kind: 'idle' }, 'close 1000 idle'],
  ])('at rest, after a %s, at once', (_name, event, close) => {
    const { state, commands } = play(event);
    expect(commands).toEqual([close]);
    expect(state.isClosed).toBe(true);
  });

  it.each<[string, SessionEvent, string]>([
    ['key ends', { kind: 'key_ended', code: 'api_key_revoked' }, 'close 1008 api_key_revoked'],
    ['gateway stops', { kind: 'draining' }, 'close 1012 gateway_stopping'],
  ])('after the running turn when its %s, and what waits is not begun', (_name, event, close) => {
    expect(play(turn(), turn(), event, turn()).commands).toEqual(['serve 1']);
    expect(play(turn(), turn(), event, turn(), turnEnded(1)).commands).toEqual(['serve 1', close]);
  });

  it('for the first reason, when there are two', () => {
    const events: SessionEvent[] = [{ kind: 'draining' }, { kind: 'key_ended', code: 'api_key_paused' }];
    expect(play(turn(), ...events, turnEnded(1)).commands.at(-1)).toBe('close 1012 gateway_stopping');
  });

  it('never for silence while a turn runs', () => {
    expect(play(turn(), { kind: 'idle' }).commands).toEqual(['serve 1']);
  });

  it('and what runs is abandoned when nobody is left to read it', () => {
    expect(play(turn(), turn(), { kind: 'left' }, turnEnded(1), turn()).commands).toEqual(['serve 1', 'abandon']);
    expect(play(turn(), { kind: 'binary' }).commands).toEqual(['serve 1', 'close 1003 binary_frame', 'abandon']);
    expect(play(turn(), { kind: 'silent' }, { kind: 'left' }).commands).toEqual(['serve 1', 'cut', 'abandon']);
  });

  it('without a goodbye when nothing comes back from it', () => {
    expect(play({ kind: 'silent' }, turn(), { kind: 'left' }).commands).toEqual(['cut']);
  });
});

describe('whatever happens', () => {
  const events: fc.Arbitrary<SessionEvent> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(fc.option(fc.constantFrom('a', 'b', 'c')), fc.nat(60)).map(([id, n]) => turn(id, n)),
    },
    { weight: 6, arbitrary: fc.nat(8).map(turnEnded) },
    { weight: 2, arbitrary: fc.constant<SessionEvent>({ kind: 'warm_up' }) },
    { weight: 2, arbitrary: fc.constant<SessionEvent>({ kind: 'refusal', code: 'invalid_request', streamId: null }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<SessionEvent>(
        { kind: 'binary' },
        { kind: 'key_ended', code: 'api_key_expired' },
        { kind: 'draining' },
        { kind: 'idle' },
        { kind: 'silent' },
        { kind: 'left' },
      ),
    },
  );

  it('one turn runs at most, each begun turn ends once, the line is bounded, and nothing is stuck', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), fc.boolean(), (sequence, endsRunning) => {
        let state = newSession;
        const running = new Set<number>();
        let served = 0;
        let closes = 0;
        const step = (event: SessionEvent) => {
          const before = state;
          const next = stepSession(state, { event, limits });
          state = next.state;
          if (event.kind === 'turn_ended' && before.running === event.number) running.delete(event.number);
          for (const command of next.commands) {
            if (command.do === 'serve') {
              expect(running.size).toBe(0);
              expect(command.turn.number).toBeGreaterThan(served);
              served = command.turn.number;
              running.add(served);
            }
            if (command.do === 'close' || command.do === 'cut') closes += 1;
            if (command.do === 'abandon') expect(running.size).toBe(1);
          }
          if (before.isClosed) expect(next.commands).toEqual([]);
          expect(state.line.length).toBeLessThanOrEqual(maxLine);
          expect(state.running === null ? [] : [state.running]).toEqual([...running]);
          // Nothing waits unless something runs.
          if (state.running === null) expect(isAtRest(state)).toBe(true);
          if (state.closing && state.running === null) expect(state.isClosed).toBe(true);
        };
        for (const event of sequence) {
          step(event);
          if (endsRunning && state.running !== null) step(turnEnded(state.running));
        }
        // What was begun ends, one after the other, and then nothing is left.
        for (let left = 0; state.running !== null; left += 1) {
          expect(left).toBeLessThan(100);
          step(turnEnded(state.running));
        }
        expect(isAtRest(state)).toBe(true);
        expect(closes).toBeLessThanOrEqual(1);
      }),
      { numRuns: 10_000 },
    );
  });
});
