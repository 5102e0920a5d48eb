/** THE table of `/v1` paths that take or make files, sound and images: each is a story of its own. */
import type { GatewayParts, IncomingCall } from '../gateway-parts.ts';
import { handleFileUpload } from './handle-file-upload.ts';
import { handleEdit, handleGeneration } from './handle-image-request.ts';
import { handleTranscription } from './handle-transcription.ts';

export interface MediaRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly handle: (call: IncomingCall, parts: GatewayParts) => Promise<void>;
}

export const mediaRoutes: readonly MediaRoute[] = [
  { method: 'POST', path: '/v1/files', handle: handleFileUpload },
  { method: 'POST', path: '/v1/audio/transcriptions', handle: handleTranscription },
  { method: 'POST', path: '/v1/images/generations', handle: handleGeneration },
  { method: 'POST', path: '/v1/images/edits', handle: handleEdit },
];
