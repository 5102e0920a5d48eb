/** The log: JSON lines with an allow-list of fields, readable text on a terminal. */
import pino from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Log, LogFacts } from '../world/world.ts';
import { logFields, longestLogText } from './log-fields.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Where lines go; standard error by default, so that a command's own output stays clean. */
  readonly destination?: NodeJS.WritableStream | undefined;
}

const messageKey = 'event';

/**
 * @example createLog({ level: 'info', format: 'json' }).info('account_imported', { accountId })
 */
export function createLog({ level, format, destination = process.stderr }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    format === 'text' ? textLines(destination) : destination,
  );
  const write =
    (line: 'debug' | 'info' | 'warn' | 'error') =>
    (event: string, facts: LogFacts = {}) =>
      logger[line](allowed(facts), event);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Lines for people. Written as they come: a stream piped into standard error would hang listeners on it for good. */
function textLines(destination: NodeJS.WritableStream): pino.DestinationStream {
  const toText = prettyFactory({
    messageKey,
    translateTime: 'HH:MM:ss',
    ignore: 'pid,hostname',
    colorize: 'isTTY' in destination && destination.isTTY === true,
  });
  return { write: (line) => void destination.write(toText(line)) };
}

function allowed(facts: LogFacts): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined || value === null || !logFields.has(name)) continue;
    kept[name] = typeof value === 'string' ? value.slice(0, longestLogText) : value;
  }
  return kept;
}

/**
 * What a log line may say of an unexpected error: its class, its system code and where it was thrown. Never its
 * message, which may quote a body (`JSON.parse` does).
 */
export function errorFacts(error: unknown): LogFacts {
  if (!(error instanceof Error)) return { errorName: typeof error };
  const frames = placesOf(error).filter((line) => line.startsWith('    at '));
  const code =
    'code' in error && typeof error.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(error.code) ? error.code : undefined;
  return {
    errorName: error.name,
    systemCode: code,
    errorAt: frames
      .slice(0, 3)
      .map((line) => line.trim().slice(3))
      .join(' < '),
  };
}

/** Lines of the stack below the message: a quoted body may have lines that look like places in the program. */
function placesOf({ stack = '', message }: Error): string[] {
  const start = stack.indexOf(message);
  return start === -1 ? [] : stack.slice(start + message.length).split('\n');
}
