/** Why the server cannot start, in words a person can act on. The program's entry prints the sentence and exits. */

/**
 * Exit codes by cause, from `sysexits.h`, so a supervisor can tell them apart: 78 (configuration) means starting again
 * changes nothing until a person acts; 75 (temporary failure) means a later start may succeed by itself.
 */
const exitCodes = {
  environment_invalid: 78,
  folder_not_writable: 78,
  folder_newer: 78,
  folder_unreadable: 78,
  socket_folder_untrusted: 78,
  keys_unreadable: 78,
  port_forbidden: 78,
  address_unavailable: 78,
  postgres_missing: 78,
  postgres_user: 78,
  postgres_major: 78,
  database_too_old: 78,
  database_newer: 78,
  database_refused: 78,
  migration_failed: 78,
  port_taken: 75,
  other_instance: 75,
  disk_full: 75,
  postgres_failed: 75,
  database_unreachable: 75,
} as const;

export type StartProblemCode = keyof typeof exitCodes;

/**
 * A reason not to start that the user can do something about.
 *
 * @example
 * throw new StartProblem('port_taken', { sentence: 'Port 4000 is already used by nginx (process 812). …' });
 */
export class StartProblem extends Error {
  readonly code: StartProblemCode;
  /** What happened and what to do, for a terminal or a dialog. Names folders and ports, never secrets. */
  readonly sentence: string;
  readonly exitCode: number;

  constructor(code: StartProblemCode, options: { sentence: string; exitCode?: number; cause?: unknown }) {
    super(options.sentence, { cause: options.cause });
    this.name = 'StartProblem';
    this.code = code;
    this.sentence = options.sentence;
    this.exitCode = options.exitCode ?? exitCodes[code];
  }
}

/** The system's word for a failed call (`ENOSPC`), or undefined when the error carries none. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The disk that holds `place` has no room left. */
export function diskFull(place: string, cause?: unknown): StartProblem {
  return new StartProblem('disk_full', {
    sentence: `The disk is full: there is no room left to write to ${place}. Free some space there and start again.`,
    cause,
  });
}

/**
 * The problem behind a failed write below `folder`: full disk, missing permission, or undefined when it is something
 * else that the caller should let through.
 */
export function writeProblem(folder: string, error: unknown): StartProblem | undefined {
  const code = systemCodeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(folder, error);
  if (code !== undefined && Object.hasOwn(writeReasons, code)) {
    const reason = writeReasons[code];
    return new StartProblem('folder_not_writable', {
      sentence:
        `The data folder ${folder} cannot be written: ${reason}. ` +
        'Give this user the right to write there, or name another folder in CODEX_POOLER_DATA_DIR.',
      cause: error,
    });
  }
  return undefined;
}

const writeReasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is mounted read-only',
  ENOTDIR: 'a file stands where a folder is needed',
  EEXIST: 'a file stands where a folder is needed',
  ENOENT: 'no folder can be made there',
};
