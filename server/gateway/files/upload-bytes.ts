/** Brings the bytes of a file to where the provider wants them, and waits until it has seen them (wire spec A12). */
import type { AccountFacts, Credential } from '../../accounts/account.ts';
import type { TokenKeeper } from '../../accounts/token-keeper.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import { parseJson, recordOf } from '../../lib/json-values.ts';
import type { CodexClient } from '../../upstream/codex-client.ts';
import type { Clock, Network } from '../../world/world.ts';
import { readWholeBody } from '../attempt/read-whole-body.ts';
import { uploadAddress } from './upload-address.ts';

export interface UploadParts {
  readonly network: Network;
  readonly codex: CodexClient;
  readonly tokens: Pick<TokenKeeper, 'credential' | 'renew'>;
  readonly clock: Clock;
  /** The provider's own origin as configured. */
  readonly providerOrigin: string;
}

export interface Upload {
  readonly fileId: string;
  /** As the provider's answer names it. */
  readonly address: unknown;
  readonly bytes: Buffer;
  readonly account: AccountFacts;
  readonly identityHeaders: readonly (readonly [name: string, value: string])[];
  readonly signal: AbortSignal;
}

const storageMs = 120_000;
const confirmMs = 30_000;
const pollMs = 250;
const maxAnswerBytes = 64 * 1024;

/** @throws {GatewayError} `upstream_file_upload_failed` @throws NetworkFault @throws the signal's reason */
export async function uploadBytes(upload: Upload, parts: UploadParts): Promise<void> {
  await putBytes(upload, parts);
  const { clock, tokens } = parts;
  const { account, signal } = upload;
  const endsMs = clock.monotonicMs() + confirmMs;
  let credential = await tokens.credential(account.id, signal);
  let isRenewed = false;
  for (;;) {
    const answer = await askWhetherSeen(upload, { codex: parts.codex, credential });
    if (answer === 'seen') return;
    if (answer === 'unauthorized') {
      if (isRenewed) throw new GatewayError('upstream_file_upload_failed');
      isRenewed = true;
      credential = await renewed(credential, { upload, tokens });
      continue;
    }
    if (clock.monotonicMs() >= endsMs) throw new GatewayError('upstream_file_upload_failed');
    await clock.sleep(pollMs, signal);
  }
}

/** A token may run out between the announcement and this; then it is renewed once, as for any call (wire spec B15). */
async function renewed(
  { epoch }: Credential,
  { upload, tokens }: { upload: Upload; tokens: UploadParts['tokens'] },
): Promise<Credential> {
  const { account, signal } = upload;
  const reason = 'unauthorized_recovery';
  const result = await tokens.renew({ accountId: account.id, seenEpoch: epoch, reason, signal });
  if ('credential' in result) return result.credential;
  throw new GatewayError('upstream_file_upload_failed');
}

/** The storage gets the bytes and no credential: it knows nobody. A redirect is a failure like any other. */
async function putBytes({ address, bytes, signal }: Upload, { network, providerOrigin }: UploadParts): Promise<void> {
  const url = uploadAddress(address, { providerOrigin });
  if (!url) throw new GatewayError('upstream_file_upload_failed');
  const answer = await network.call('storage', {
    method: 'PUT',
    url: url.href,
    headers: [
      ['x-ms-blob-type', 'BlockBlob'],
      ['content-type', 'application/octet-stream'],
    ],
    body: bytes,
    signal,
    headersMs: storageMs,
  });
  answer.cancel();
  if (answer.status < 200 || answer.status >= 300) throw new GatewayError('upstream_file_upload_failed');
}

async function askWhetherSeen(
  upload: Upload,
  { codex, credential }: { codex: CodexClient; credential: Credential },
): Promise<'seen' | 'retry' | 'unauthorized'> {
  const { account, fileId, identityHeaders, signal } = upload;
  const answer = await codex.call({
    account,
    credential,
    root: '/backend-api',
    path: `/files/${fileId}/uploaded`,
    body: Buffer.from('{}'),
    identityHeaders,
    turnState: null,
    socketOwner: null,
    signal,
    headersMs: confirmMs,
  });
  const body = await readWholeBody(answer, maxAnswerBytes);
  if (answer.status === 401) return 'unauthorized';
  const { status } = recordOf(body && parseJson(body));
  if (answer.status !== 200 || (status !== 'success' && status !== 'retry'))
    throw new GatewayError('upstream_file_upload_failed');
  return status === 'success' ? 'seen' : 'retry';
}
