/** THE list of admission lanes with their defaults: each has its own seats and line, and its settings come from here. */

export interface Lane {
  readonly label: string;
  /** Served at the same time. */
  readonly seats: number;
  /** May wait for a seat. */
  readonly queue: number;
  readonly waitMs: number;
}

/** Gateway spec 2.2. A lane belongs here as soon as something takes a seat in it, and not before. */
export const lanes = {
  proxy_http: { label: 'plain requests', seats: 32, queue: 128, waitMs: 10_000 },
  proxy_stream: { label: 'streams', seats: 24, queue: 96, waitMs: 10_000 },
  proxy_websocket: { label: 'turns of websockets', seats: 24, queue: 96, waitMs: 10_000 },
  proxy_compact: { label: 'compactions', seats: 8, queue: 32, waitMs: 10_000 },
  file_upload: { label: 'calls about files', seats: 4, queue: 8, waitMs: 5_000 },
  audio_transcription: { label: 'transcriptions', seats: 4, queue: 8, waitMs: 5_000 },
  admin_browser: { label: 'calls of administrators', seats: 8, queue: 16, waitMs: 5_000 },
} as const satisfies Record<string, Lane>;

export type LaneName = keyof typeof lanes;
