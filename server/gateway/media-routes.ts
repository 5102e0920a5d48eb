/** THE table of `/v1` paths that take or make files, sound and images: each is a story of its own. */
import { handleFileUpload } from './handle-file-upload.ts';
import { handleEdit, handleGeneration } from './handle-image-request.ts';
import type { GatewayParts, IncomingCall } from './handle-request.ts';
import { handleTranscription } from './handle-transcription.ts';

export type MediaCall = Omit<IncomingCall, 'route'> & { readonly route: { readonly path: string } };

export interface MediaRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly handle: (call: MediaCall, parts: GatewayParts) => Promise<void>;
}

export const mediaRoutes: readonly MediaRoute[] = [
  { method: 'POST', path: '/v1/files', handle: handleFileUpload },
  { method: 'POST', path: '/v1/audio/transcriptions', handle: handleTranscription },
  { method: 'POST', path: '/v1/images/generations', handle: handleGeneration },
  { method: 'POST', path: '/v1/images/edits', handle: handleEdit },
];
