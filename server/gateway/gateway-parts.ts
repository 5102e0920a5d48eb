/** What the stories of client requests are made with, and what comes in over HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ResetBank } from '../accounts/resets/reset-bank.ts';
import type { KeyBook } from '../api-keys/key-book.ts';
import type { LimitBook } from '../api-keys/limit-book.ts';
import type { UnionCatalog } from '../catalog/union-catalog.ts';
import type { Settings } from '../contract/settings.ts';
import type { CodexSockets } from '../upstream/codex-sockets.ts';
import type { ByteBudget } from '../lib/byte-budget.ts';
import type { Admission } from './admission/admission.ts';
import type { BodyRoom } from './admission/body-room.ts';
import type { FileStore } from './files/file-store.ts';
import type { UploadParts } from './files/upload-bytes.ts';
import type { ReadForm } from './media/form.ts';
import type { KeyUse } from './public/public-usage.ts';
import type { RunningExchanges } from './running-exchanges.ts';
import type { ServingParts } from './serve-exchange.ts';

export interface GatewayParts extends ServingParts {
  /** Which answers can be gone on from. */
  readonly sockets: Pick<CodexSockets, 'holds'>;
  readonly admission: Admission;
  /** The memory that what clients send may take. */
  readonly bodyRooms: ByteBudget;
  readonly keys: KeyBook;
  /** The model list of a Pool. */
  readonly catalogOf: (poolId: string) => UnionCatalog;
  readonly limits: LimitBook;
  /** What a key used so far, for its client. */
  readonly useOfKey: (keyId: string) => Promise<KeyUse>;
  readonly running: RunningExchanges;
  /** What is kept of an account's saved resets. */
  readonly savedResets: ResetBank['credits'];
  readonly settings: () => Settings;
  readonly files: FileStore;
  readonly uploads: UploadParts;
  readonly readForm: ReadForm;
  /** Its largest size differs between routes; all else is as the settings say. */
  readonly readBody: (
    request: IncomingMessage,
    reading: { settings: Settings; maxBytes: number; room: BodyRoom },
  ) => Promise<Buffer>;
}

/** A call of one client, before anything of it is known. */
export interface IncomingCall<Route extends { readonly path: string } = { readonly path: string }> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly clientAddress: string | null;
  /** The row that the path led to. */
  readonly route: Route;
}
