/**
 * One client request from admission to settlement. An exchange holds facts, never parts of the program: it is the
 * subject that the engine works on.
 */
import type { Client } from '../api-keys/key-book.ts';
import type { RequestLimits } from '../api-keys/limit-book.ts';
import type { StoredDecision } from '../contract/decisions.ts';
import type { PoolRouting } from '../contract/pools.ts';
import type { Settings } from '../contract/settings.ts';
import type { AttemptStatus, RouteClass, Transport } from '../contract/vocabulary.ts';
import type { Usage } from '../usage/usage.ts';
import type { CompressedBody } from './compression/compress-request.ts';
import type { Continuation } from './continuity/decide-continuation.ts';
import type { Fault } from './attempt/faults.ts';

/** What is asked beside inference: a plain call that is passed on (wire spec B14). */
export interface AskedService {
  /** Below the provider's origin, where the path begins. */
  readonly root: '/backend-api' | '/backend-api/codex';
  readonly routeClass: RouteClass;
  /** All attempts together have so long until the whole answer is there. */
  readonly limitMs: number;
  /** No account's model list says anything of it. */
  readonly isUnlisted: boolean;
  /** The answer names a new file, which only its account will know. */
  readonly makesFile: boolean;
  /** What it sends is counted in tokens; of files and recordings the provider counts none. */
  readonly hasTokens: boolean;
}

/** What the client asks, as far as the engine must know. The body itself stays opaque. */
export interface Ask {
  /** Null for inference. */
  readonly service: AskedService | null;
  /** Path below the provider's `/backend-api/codex`, or below the service's root, e.g. `/responses`. */
  readonly upstreamPath: string;
  /** The model that is asked of the provider. */
  readonly model: string;
  /** The model that the client asked for; a key's policy may lead it to another. */
  readonly requestedModel: string;
  /** Does the client expect an event stream? */
  readonly wantsStream: boolean;
  readonly isCompaction: boolean;
  readonly requestedTier: string | null;
  readonly reasoningEffort: string | null;
  /** There are images in the input. */
  readonly hasImages: boolean;
  /** It offers tools to the model. */
  readonly hasTools: boolean;
  /** False when the client names an effort that is no word: something to refuse where efforts are limited. */
  readonly isEffortReadable: boolean;
  /** The most output the client asks for, in tokens; null when it does not say. */
  readonly outputCap: number | null;
  /** It continues or refers to something whose size the body does not tell, or carries results of tools. */
  readonly hasOpaqueContext: boolean;
  /** The decoded body, byte for byte as the client wrote it, but for what its key's policy enforces. */
  readonly body: Buffer;
  /** The client's own headers that travel on, in their order; credentials are not among them. */
  readonly identityHeaders: readonly (readonly [name: string, value: string])[];
  /** `x-codex-turn-state`: travels on only to the account that issued it. */
  readonly turnState: string | null;
  /** What names the conversation, its own name first; hashed before they are kept, as are the next three. */
  readonly threadAnchors: readonly string[];
  readonly promptCacheKey: string | null;
  /** Repeats of one request carry the same. */
  readonly idempotencyKey: string | null;
  /** Earlier answers it goes on from. */
  readonly previousResponseIds: readonly string[];
  /** Encrypted compaction contents in the input: only their maker can read them (wire spec B17). */
  readonly compactions: readonly string[];
  /** Uploaded files it refers to: only the account they were uploaded to has them. */
  readonly fileIds: readonly string[];
  /** A file that this key did not upload is refused here; otherwise the provider may know it. */
  readonly mustOwnFiles: boolean;
}

export interface Attempt {
  readonly id: string;
  readonly number: number;
  readonly accountId: string;
  readonly accountLabel: string;
  /** Of the credential in use: the account's own at first, a newer one after a refresh. */
  credentialEpoch: number;
  readonly startedAt: Date;
  readonly startedMs: number;
  /** Why this account. */
  readonly decision: StoredDecision | null;
  /** Its row is written, and the decision with it. */
  isRecorded: boolean;
  status: AttemptStatus;
  upstreamStatus: number | null;
  errorCode: string | null;
  retryReason: string | null;
  upstreamRequestId: string | null;
  /** The meter that counts this call, where the answer's headers name one. */
  activeMeter?: string | null;
  firstByteMs: number | null;
  totalMs: number | null;
  completedAt: Date | null;
  /** The request reached the provider and it may have worked on it, whatever came back. */
  mayHaveRun: boolean;
  /** What the provider reported of it, also when it failed. */
  usage: Usage | null;
  /** The tier the provider says it served. */
  servedTier: string | null;
}

/** How an exchange ended. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly errorCode: string }
  | { readonly kind: 'cancelled'; readonly errorCode: string };

export interface Exchange {
  readonly id: string;
  readonly client: Client;
  readonly ask: Ask;
  /** The path the client called, for records. */
  readonly endpoint: string;
  readonly routeClass: RouteClass;
  readonly transport: Transport;
  /** Names what may keep a socket to the provider between its turns, hashed; null for calls over HTTP. */
  readonly socketOwner: string | null;
  /** SHA-256 of its key and of the name that the client gave to this turn, base64: none is served twice. */
  readonly turnSha256: string | null;
  /** Frozen at the start: a change of settings does not reach a running request, nor its retries. */
  readonly settings: Settings;
  /** What its key's limits mean for it before it is reserved, frozen likewise. */
  readonly limits: RequestLimits;
  /** How its Pool routes, frozen likewise. */
  readonly routing: PoolRouting;
  readonly clientAddress: string | null;
  readonly clientName: string | null;
  readonly admittedAt: Date;
  readonly admittedMs: number;
  /** Aborts when the client leaves, or when the gateway stops and will not wait longer. */
  readonly signal: AbortSignal;
  readonly attempts: Attempt[];
  readonly faults: Fault[];
  /** What its past says of its account; known from the first choice on. */
  continuation: Continuation | null;
  /** What goes to every account instead of the client's own bytes, in a Pool with request compression. */
  compressed: CompressedBody | null;
  /** What one account gets instead of the body: without what others sealed. */
  shed: { readonly accountId: string; readonly body: Buffer } | null;
  /** The choice that found nobody; null unless it came to that. */
  deadEnd: StoredDecision | null;
  /** Set by the reservation; without it there is nothing to settle. */
  isReserved: boolean;
  /** Something meaningful went to the client. From here on no other account may answer. */
  isCommitted: boolean;
  firstByteMs: number | null;
  responseStatus: number | null;
  responseBytes: number;
}

/** The bytes that go upstream, the same for every attempt. */
export function bodyToSend({ ask, compressed }: Pick<Exchange, 'ask' | 'compressed'>): Buffer {
  return compressed?.body ?? ask.body;
}

/** The newest attempt; there is one as soon as an account was chosen. */
export function currentAttempt(exchange: Exchange): Attempt | undefined {
  return exchange.attempts.at(-1);
}
