/** The provider's memory: its accounts, tokens, the record of what arrived, and who a credential belongs to. */
import type { Socket } from 'node:net';
import { createAccount, type Account, type AccountSeed } from './account.ts';
import { tokenRefusal } from './behaviours/refusals.ts';
import type { BoundBehaviour, Stage } from './behaviours/define.ts';
import { readTurnState } from './encrypted-state.ts';
import type { Recorder, RecordedRequest, Violation } from './recorder.ts';
import { createScript, type Occasion, type Script } from './script.ts';
import type { RefuseStep } from './steps.ts';
import { createTokenOffice, type TokenOffice } from './tokens.ts';
import type { Parts } from './turn.ts';
import { createSignIns, type SignIns } from './services/sign-ins.ts';
import { createUploads, type Uploads } from './services/uploads.ts';

export interface Provider {
  readonly parts: Parts;
  readonly tokens: TokenOffice;
  readonly recorder: Recorder;
  readonly signIns: SignIns;
  readonly uploads: Uploads;
  /** Script of nobody in particular: asked when an account's own script has nothing. */
  readonly script: Script;
  readonly accounts: ReadonlyMap<string, Account>;
  /** Creates the account on the first call; later seeds are refused, because tokens may already name the old facts. */
  account(name: string, seed?: Partial<AccountSeed>): Account;
  /** The account behind a request's credentials, or why there is none. */
  authenticate(request: RecordedRequest): Account | RefuseStep;
  /** The account a bearer belongs to, live or not. */
  ownerOf(authorization: string | undefined): string | undefined;
  takeScripted(account: Account | undefined, stage: Stage, occasion: Occasion): BoundBehaviour | undefined;
  /** Writes down what a request should not have carried. */
  inspect(request: RecordedRequest): void;
  socketNumber(socket: Socket): number;
  reset(): void;
}

/** What the prefix of every pool key is; none of them may ever reach the provider. */
const poolKeyPrefix = 'sk-cxp-';

/** State of a turn as a frame says it. */
const stateName = 'x-codex-turn-state';
const stateInBody = /"x-codex-turn-state"\s*:\s*"([^"\\]+)"/;

export function createProvider(options: { parts: Parts; recorder: Recorder }): Provider {
  const { parts, recorder } = options;
  const tokens = createTokenOffice(parts);
  const accounts = new Map<string, Account>();
  const script = createScript();
  const signIns = createSignIns(parts);
  const uploads = createUploads();
  const socketNumbers = new WeakMap<Socket, number>();
  let sockets = 0;

  function breach(request: RecordedRequest, rule: Violation['rule'], where: string): void {
    recorder.breach({ rule, where, request: request.number, account: request.account });
  }

  return {
    parts,
    tokens,
    recorder,
    signIns,
    uploads,
    script,
    accounts,
    account(name, seed) {
      const known = accounts.get(name);
      if (known && seed) throw new Error(`sandbox account ${name} exists already; change it with its setters`);
      if (known) return known;
      const account = createAccount({ name, seed: seed ?? {}, parts, tokens });
      accounts.set(name, account);
      return account;
    },
    authenticate(request) {
      const token = /^Bearer (.+)$/.exec(request.header('authorization') ?? '')?.[1];
      if (token === undefined) return tokenRefusal('unauthorized');
      const check = tokens.checkAccess(token);
      if (check.state === 'unknown') return tokenRefusal('unauthorized');
      const account = accounts.get(check.account);
      if (!account) return tokenRefusal('unauthorized');
      if (check.state === 'expired') return tokenRefusal('token_expired');
      if (check.state === 'invalidated') return tokenRefusal('token_invalidated');
      const claimed = request.header('chatgpt-account-id');
      return claimed === account.id ? account : tokenRefusal('unauthorized');
    },
    ownerOf(authorization) {
      const check = tokens.checkAccess(authorization?.replace(/^Bearer /, '') ?? '');
      return check.state === 'unknown' ? undefined : check.account;
    },
    takeScripted: (account, stage, occasion) => account?.script.take(stage, occasion) ?? script.take(stage, occasion),
    inspect(request) {
      for (const [name, value] of request.headers) {
        const lower = name.toLowerCase();
        if (lower === 'cookie') breach(request, 'cookie', lower);
        if (isForwardingHeader(lower)) breach(request, 'forwarding_header', lower);
        if (value.includes(poolKeyPrefix)) breach(request, 'pool_key', lower);
        if (lower !== 'x-codex-turn-state') continue;
        const owner = readTurnState(value);
        if (owner !== undefined && owner !== request.account) breach(request, 'foreign_turn_state', lower);
      }
      // Where clients of websockets say it, and whoever passes their bodies on (wire spec A7.4).
      const stated = stateInBody.exec(request.body.includes(stateName) ? request.body.toString('latin1') : '')?.[1];
      const owner = stated === undefined ? undefined : readTurnState(stated);
      if (owner !== undefined && owner !== request.account) breach(request, 'foreign_turn_state', 'client_metadata');
      if (`${request.path}${request.query}`.includes(poolKeyPrefix)) breach(request, 'pool_key', 'url');
      if (request.body.includes(poolKeyPrefix)) breach(request, 'pool_key', 'body');
    },
    socketNumber(socket) {
      const known = socketNumbers.get(socket);
      if (known !== undefined) return known;
      socketNumbers.set(socket, (sockets += 1));
      return sockets;
    },
    reset() {
      accounts.clear();
      tokens.reset();
      script.clear();
      signIns.reset();
      uploads.reset();
      recorder.reset();
      parts.ids.reset();
    },
  };
}

/** Headers a proxy adds about its own caller (wire spec B12: never forward). */
function isForwardingHeader(name: string): boolean {
  return name.startsWith('x-forwarded-') || name.startsWith('cf-') || ['forwarded', 'via', 'x-real-ip'].includes(name);
}
