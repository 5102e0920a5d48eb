import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogFacts } from '../world/world.ts';
import { logFields, longestLogText } from './log-fields.ts';
import { createLog, errorFacts, type LogLevel } from './log.ts';

const canary = 'CANARY-what-the-user-wrote';

describe('a log line', () => {
  it('holds the event, the level, the time and the facts that are allowed', () => {
    const { log, lines } = logging();
    log.info('request', { requestId: 'r1', status: 200, durationMs: 1.5 });
    expect(lines()).toEqual([
      { level: 'info', time: expect.any(String), requestId: 'r1', status: 200, durationMs: 1.5, event: 'request' },
    ]);
    expect(new Date(String(lines()[0]?.['time'])).getTime()).toBeGreaterThan(0);
  });

  it('holds no field outside the list, whatever it is called', () => {
    const { log, lines, text } = logging();
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'prompt',
        'body',
        'authorization',
        'message',
        'stack',
        'err',
        'msg',
        'email',
        '__proto__',
        'level',
      ),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.constantFrom('info', 'warn', 'error') as fc.Arbitrary<'info'>)),
        (given) => {
          for (const [each, level] of given) {
            if (!logFields.has(each)) log[level]('something', Object.fromEntries([[each, canary]]) as LogFacts);
          }
        },
      ),
    );
    expect(lines().length).toBeGreaterThan(100);
    expect(text()).not.toContain(canary);
  });

  it('leaves out what is not known', () => {
    const { log, lines } = logging();
    log.warn('x', { requestId: undefined, errorCode: null, count: 0 });
    expect(Object.keys(lines()[0] ?? {}).toSorted()).toEqual(['count', 'event', 'level', 'time']);
  });

  it('cuts texts that are longer than any id or word', () => {
    const { log, lines } = logging();
    log.info('x', { sentence: 'y'.repeat(5_000) });
    expect(String(lines()[0]?.['sentence'])).toHaveLength(longestLogText);
  });

  it('stays one line, whatever its texts hold', () => {
    const { log, text } = logging();
    log.info('x', { name: 'a\nb\r\n{"level":"error"}' });
    expect(text().trimEnd().split('\n')).toHaveLength(1);
  });

  it('is written from its level on', () => {
    const { log, lines } = logging('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines().map(({ event }) => event)).toEqual(['c', 'd']);
    const silent = logging('silent');
    silent.log.error('e');
    expect(silent.text()).toBe('');
  });
});

describe('what is said of an error', () => {
  it('is its class, its system code and where it was thrown, never its words', () => {
    const error = Object.assign(new TypeError(canary), { code: 'ECONNRESET' });
    const facts = errorFacts(error);
    expect(facts).toMatchObject({ errorName: 'TypeError', systemCode: 'ECONNRESET' });
    expect(facts['errorAt']).toContain('log.test.ts');
    expect(JSON.stringify(facts)).not.toContain(canary);
  });

  it('is not its words even where they look like a place in the program', () => {
    for (const message of [`bad\n    at ${canary}`, `    at ${canary}`, `\n    at ${canary}\n    at ${canary}`, ''])
      expect(JSON.stringify(errorFacts(new Error(message)))).not.toContain(canary);
  });

  it('is nothing of a body that JSON.parse quotes', () => {
    const body = '{"a":\n    at my desk';
    try {
      JSON.parse(body);
    } catch (error) {
      expect(JSON.stringify(errorFacts(error))).not.toContain('desk');
    }
    expect.assertions(1);
  });

  it('is no code that is not a plain word of a system', () => {
    for (const code of [canary, 'a b', 5, {}, 'X'.repeat(61)])
      expect(errorFacts(Object.assign(new Error('x'), { code }))['systemCode']).toBeUndefined();
  });

  it('is its kind only, when it is no error at all', () => {
    for (const [thrown, name] of [
      [canary, 'string'],
      [undefined, 'undefined'],
      [{ message: canary }, 'object'],
    ] as const)
      expect(errorFacts(thrown)).toEqual({ errorName: name });
  });

  it('uses only fields that the log lets through', () => {
    for (const name of Object.keys(errorFacts(new Error('x')))) expect(logFields.has(name)).toBe(true);
  });
});

describe('readable text', () => {
  it('says the same in words', () => {
    const { destination, text } = collecting();
    createLog({ level: 'info', format: 'text', destination }).info('ready', { port: 4000 });
    expect(text()).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: ready\n {4}port: 4000\n$/);
  });

  it('of any number of logs leaves nothing behind where it goes', () => {
    const { destination, text } = collecting();
    const before = listenersOf(destination);
    for (let nth = 0; nth < 20; nth += 1) createLog({ level: 'info', format: 'text', destination }).info('ready');
    expect(text().match(/ready/g)).toHaveLength(20);
    expect(listenersOf(destination)).toEqual(before);
  });
});

function listenersOf(destination: Writable): [string | symbol, number][] {
  return destination.eventNames().map((name) => [name, destination.listenerCount(name)]);
}

function collecting() {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, next) {
      chunks.push(String(chunk));
      next();
    },
  });
  return { destination, text: () => chunks.join('') };
}

function logging(level: LogLevel = 'info') {
  const { destination, text } = collecting();
  const log = createLog({ level, format: 'json', destination });
  const lines = () =>
    text()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, text };
}
