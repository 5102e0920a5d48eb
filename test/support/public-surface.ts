/** The OpenAI surface as its own routes have it, for tests that ask all of it in one way: what is new is asked as well. */
import { transcriptionForm } from '../../server/gateway/dialects/openai-audio/read-transcription.ts';
import { editForm } from '../../server/gateway/dialects/openai-images/read-image-request.ts';
import { fileForm } from '../../server/gateway/files/read-file-form.ts';
import type { FormLimits } from '../../server/gateway/media/form.ts';
import { isPublicPath, publicRoutes, type BodyLimit } from '../../server/gateway/routes.ts';
import { mountedRoutes } from './mounted-routes.ts';

/** A path that takes a document. */
export interface DocumentPath {
  readonly path: string;
  /** The setting that bounds it. */
  readonly bodyLimit: BodyLimit;
}

/** A path that takes a form. */
export interface FormPath {
  readonly path: string;
  readonly limits: FormLimits;
  /** The field of its file. */
  readonly file: string;
}

export const documentPaths: readonly DocumentPath[] = [
  ...publicRoutes,
  { path: '/v1/images/generations', bodyLimit: 'gateway.max_body_bytes' },
];

export const formPaths: readonly FormPath[] = [
  { path: '/v1/files', limits: fileForm, file: 'file' },
  { path: '/v1/audio/transcriptions', limits: transcriptionForm, file: 'file' },
  { path: '/v1/images/edits', limits: editForm, file: 'image' },
];

/** Method and path of every route, with names where the routes have parameters. */
export const publicSurface: readonly { readonly method: string; readonly path: string }[] = mountedRoutes()
  .map((route) => route.split(' ') as [string, string])
  .map(([method, path]) => ({ method, path: path.replace(':model', 'gpt-5.5').replace(':file', 'file_1') }))
  .filter(({ path }) => isPublicPath(path));
