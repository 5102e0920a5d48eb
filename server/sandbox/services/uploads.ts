/** Files on their way in: created, bytes put to another listener, confirmed (wire spec A12, D4 A12). */
import { refuse, type RefuseStep } from '../steps.ts';
import type { Account } from '../account.ts';
import type { Provider } from '../provider.ts';
import type { RecordedRequest } from '../recorder.ts';
import type { Route, RouteCall } from './routes.ts';

export interface Upload {
  readonly account: string;
  readonly fileName: string;
  readonly size: number;
  bytes: Buffer | undefined;
}

export interface Uploads {
  readonly files: Map<string, Upload>;
  /** Where the bytes go: the storage listener, set once it listens. */
  storageUrl: string;
  reset(): void;
}

export function createUploads(): Uploads {
  const files = new Map<string, Upload>();
  return { files, storageUrl: '', reset: () => files.clear() };
}

/** 512 MiB (wire spec A12). */
const maxFileBytes = 512 * 1024 * 1024;

function create(call: RouteCall): RefuseStep {
  const { uploads, parts } = call.provider;
  const asked = call.request.json();
  const size = Number(asked['file_size']);
  if (size > maxFileBytes) return refuse(413, { detail: 'File too large' });
  const id = parts.ids.next('file');
  const fileName = String(asked['file_name']);
  uploads.files.set(id, { account: call.account.name, fileName, size, bytes: undefined });
  return refuse(200, { file_id: id, upload_url: `${uploads.storageUrl}/upload/${id}?signature=sandbox` });
}

function confirm(call: RouteCall): RefuseStep {
  const { uploads } = call.provider;
  const id = call.params[0] ?? '';
  const upload = uploads.files.get(id);
  if (!upload || upload.account !== call.account.name) return refuse(404, { detail: 'File not found' });
  if (!upload.bytes) return refuse(200, { status: 'retry' });
  return refuse(200, {
    status: 'success',
    download_url: `${uploads.storageUrl}/download/${id}`,
    file_name: upload.fileName,
    mime_type: 'application/octet-stream',
  });
}

function owner(provider: Provider, request: RecordedRequest): Account | RefuseStep {
  const upload = provider.uploads.files.get(request.path.split('/').at(-1) ?? '');
  return upload ? provider.account(upload.account) : refuse(404, 'BlobNotFound');
}

/** The storage takes bytes from anybody who knows the address, and wants no credential of ours. */
function store(call: RouteCall): RefuseStep {
  const { request, provider } = call;
  const upload = provider.uploads.files.get(call.params[0] ?? '');
  for (const name of ['authorization', 'chatgpt-account-id']) {
    if (request.header(name) === undefined) continue;
    provider.recorder.breach({
      rule: 'upload_credential',
      where: name,
      request: request.number,
      account: call.account.name,
    });
  }
  if (request.header('x-ms-blob-type') !== 'BlockBlob') return refuse(400, 'InvalidHeaderValue: x-ms-blob-type');
  if (!upload || upload.size !== request.body.length) return refuse(400, 'InvalidBlobSize');
  upload.bytes = request.body;
  return refuse(201, '');
}

export const fileRoutes: readonly Route[] = [
  { method: 'POST', path: /^\/backend-api\/files$/, stage: 'files', caller: 'bearer', handle: create },
  {
    method: 'POST',
    path: /^\/backend-api\/files\/([^/]+)\/uploaded$/,
    stage: 'uploaded',
    caller: 'bearer',
    handle: confirm,
  },
];

/** Served by the storage listener only. */
export const storageRoutes: readonly Route[] = [
  { method: 'PUT', path: /^\/upload\/([^/]+)$/, stage: 'upload', caller: owner, handle: store },
];
