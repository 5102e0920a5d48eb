/** THE table of calls beside inference that are passed on as they come (wire spec A12, B14). */
import type { AskedService } from '../exchange.ts';

export interface ServiceRoute extends AskedService {
  readonly method: 'POST';
  readonly path: string;
  /** Path below the root; `:fileId` stands for that of the path. */
  readonly upstreamPath: string;
  readonly body: 'json' | 'multipart';
  /** A longer body is refused while it arrives. */
  readonly maxBodyBytes: number;
  /** A seat is taken before the body is read: what waits in line holds no recording in memory. */
  readonly readsInSeat: boolean;
  /** How its model is known: none, always the same, or named in the body. */
  readonly model: { readonly kind: 'none' } | { readonly kind: 'fixed' | 'image' | 'inference'; readonly name: string };
}

const mebibyte = 2 ** 20;

const file = {
  method: 'POST',
  root: '/backend-api',
  routeClass: 'file_upload',
  body: 'json',
  limitMs: 40_000,
  maxBodyBytes: 64 * 1024,
  readsInSeat: false,
  isUnlisted: true,
  hasTokens: false,
  model: { kind: 'none' },
} as const;

const image = {
  method: 'POST',
  root: '/backend-api/codex',
  routeClass: 'proxy_http',
  body: 'json',
  limitMs: 300_000,
  maxBodyBytes: 64 * mebibyte,
  readsInSeat: false,
  isUnlisted: true,
  makesFile: false,
  hasTokens: true,
  model: { kind: 'image', name: '' },
} as const;

/** The one model that hears. */
export const transcriptionModel = 'gpt-4o-transcribe';

/** Dictation: one recording and a few words, as a form. */
export const transcription = {
  method: 'POST',
  path: '/backend-api/transcribe',
  root: '/backend-api',
  upstreamPath: '/transcribe',
  routeClass: 'audio_transcription',
  body: 'multipart',
  limitMs: 120_000,
  maxBodyBytes: 32 * mebibyte,
  readsInSeat: true,
  isUnlisted: true,
  makesFile: false,
  hasTokens: false,
  model: { kind: 'fixed', name: transcriptionModel },
} as const satisfies ServiceRoute;

/** A file is announced; its bytes go to the address in the answer, past this gateway. */
export const fileCreation = {
  ...file,
  path: '/backend-api/files',
  upstreamPath: '/files',
  makesFile: true,
} as const satisfies ServiceRoute;

export const serviceRoutes: readonly ServiceRoute[] = [
  fileCreation,
  {
    ...file,
    path: '/backend-api/files/:fileId/uploaded',
    upstreamPath: '/files/:fileId/uploaded',
    makesFile: false,
  },
  transcription,
  { ...image, path: '/backend-api/codex/images/generations', upstreamPath: '/images/generations' },
  { ...image, path: '/backend-api/codex/images/edits', upstreamPath: '/images/edits' },
  {
    ...image,
    path: '/backend-api/codex/alpha/search',
    upstreamPath: '/alpha/search',
    limitMs: 60_000,
    isUnlisted: false,
    model: { kind: 'inference', name: '' },
  },
];
