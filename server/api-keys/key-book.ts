/**
 * All keys in memory, so a request is recognised without asking the database. The book is loaded again whenever a key
 * or Pool changes, here or in another process; the reservation checks the row once more before anything is spent.
 */
import type { Kysely } from 'kysely';
import type { KeyPolicy } from '../contract/key-policy.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import type { DB } from '../database/tables.generated.ts';
import { createAddressList, type AddressList } from '../lib/address-list.ts';
import type { Clock, Timer } from '../world/world.ts';
import { listApiKeys, type ApiKeyRow } from './api-key-store.ts';
import { isSameSecret, readKey } from './key-format.ts';
import { endOf, nextEndOf, type KeyEnd } from './key-status.ts';

/** Who is asking: a key that may be used now. */
export interface Client {
  readonly keyId: string;
  readonly keyName: string;
  /** Of the secret that was presented: while a rotation overlaps, two of them work. */
  readonly keyPrefix: string;
  readonly poolId: string;
  /** What it may ask for, as it was when the key was recognised; null when it cannot be read. */
  readonly policy: KeyPolicy | null;
}

export interface Caller {
  readonly authorization: string | undefined;
  /** Where the call comes from; null when that is not known. */
  readonly address: string | null;
}

export interface KeyBook {
  /**
   * The client behind a call.
   *
   * @throws {GatewayError} `api_key_missing` for no header, another scheme, an unknown key, a wrong secret and a
   *   disabled Pool alike; why the key ended, or `address_not_allowed`, only after the secret matched.
   */
  authenticate(caller: Caller): Client;
  /** Why a client that was recognised before may go on no longer; null while it may. Asks nobody, so it may be asked often. */
  whyEnded(client: Client): KeyEnd | null;
  /** May this client's key be used from there? Only its allowed addresses are asked. */
  allows(client: Client, address: string): boolean;
  /** The clients that a word names, by id, prefix or name, whether or not they may go on. Asks for no secret. */
  named(word: string): readonly Client[];
  /**
   * Calls `listener` after every reading and whenever a key has ended by the clock, until the returned function is
   * called; ask `whyEnded` then.
   */
  onChange(listener: () => void): () => void;
  /** Reads everything again. Calls come after one another, each reading the newest state. */
  reload(): Promise<void>;
  /** Calls nobody any more when a key ends by the clock. */
  stop(): void;
}

interface Held {
  readonly row: ApiKeyRow;
  /** null allows every address. */
  readonly addresses: AddressList | null;
}

interface HeldSecret extends Held {
  readonly secretSha256: Buffer;
}

/** Compared against when the prefix is unknown, so that both refusals take the same time. */
const noSecret = Buffer.alloc(32);
/** The machine may sleep meanwhile, and its clock may be set. */
const longestWaitMs = 60_000;

export function createKeyBook({ db, clock }: { db: Kysely<DB>; clock: Clock }): KeyBook {
  let byPrefix: ReadonlyMap<string, HeldSecret> = new Map();
  let byId: ReadonlyMap<string, Held> = new Map();
  const listeners = new Set<() => void>();
  let reading: Promise<void> = Promise.resolve();
  let isStopped = false;
  let alarm: Timer | null = null;

  function authenticate({ authorization, address }: Caller): Client {
    const presented = readKey(bearerOf(authorization));
    const held = presented ? byPrefix.get(presented.prefix) : undefined;
    const isMatch = isSameSecret(presented?.secretSha256 ?? noSecret, held?.secretSha256 ?? noSecret);
    if (!held || !presented || !isMatch || held.row.poolDisabledAt) throw new GatewayError('api_key_missing');
    const { row, addresses } = held;
    const client = {
      keyId: row.id,
      keyName: row.name,
      keyPrefix: presented.prefix,
      poolId: row.poolId,
      policy: row.policy,
    };
    const end = endOf(row, { client, now: clock.now() });
    if (end) throw new GatewayError(end);
    if (addresses && !addresses.has(address ?? '')) throw new GatewayError('address_not_allowed');
    return client;
  }

  function whyEnded(client: Client): KeyEnd | null {
    const held = byId.get(client.keyId);
    return held ? endOf(held.row, { client, now: clock.now() }) : 'api_key_missing';
  }

  async function read(): Promise<void> {
    const held = (await listApiKeys(db)).map(hold);
    byId = new Map(held.map((each) => [each.row.id, each]));
    byPrefix = new Map(held.flatMap(secretsOf));
    setAlarm();
    for (const listener of listeners) listener();
  }

  /** Waits for the next key that ends by the clock. */
  function setAlarm(): void {
    alarm?.stop();
    if (isStopped) return;
    const now = clock.now();
    const ends = [...byId.values()].flatMap(({ row }) => nextEndOf(row, now)?.getTime() ?? []);
    const next = ends.reduce((first, each) => Math.min(first, each), Infinity);
    if (next === Infinity) return;
    alarm = clock.timer(Math.min(next - now.getTime(), longestWaitMs), () => {
      const hasEnded = clock.now().getTime() >= next;
      setAlarm();
      if (hasEnded) for (const listener of listeners) listener();
    });
  }

  /** As `find-key.ts` does, but that a name which only ended keys have leads to them: why they ended is an answer. */
  function named(word: string): Client[] {
    const rows = [...byId.values()].map(({ row }) => row);
    const exact = rows.filter(({ id, prefix, previousPrefix }) => [id, prefix, previousPrefix].includes(word));
    const alike = rows.filter(({ name }) => name === word);
    const living = alike.filter(({ revokedAt }) => revokedAt === null);
    const meant = exact.length > 0 ? exact : living.length > 0 ? living : alike;
    return meant.map(({ id, name, prefix, previousPrefix, poolId, policy }) => {
      const keyPrefix = word === previousPrefix ? previousPrefix : prefix;
      return { keyId: id, keyName: name, keyPrefix, poolId, policy };
    });
  }

  return {
    authenticate,
    whyEnded,
    allows: ({ keyId }, address) => byId.get(keyId)?.addresses?.has(address) ?? true,
    named,
    onChange(listener) {
      // A function of its own, so that the same listener may be added twice.
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    reload() {
      reading = reading
        .catch(() => undefined) // whoever asked for that reading hears of its failure
        .then(read);
      return reading;
    },
    stop() {
      isStopped = true;
      alarm?.stop();
    },
  };
}

function hold(row: ApiKeyRow): Held {
  const ranges = row.policy?.allowedAddresses ?? null;
  const addresses = ranges && createAddressList(ranges);
  // A list that cannot be read allows nobody: the policy as a whole counts as unreadable.
  return ranges && !addresses ? { row: { ...row, policy: null }, addresses: null } : { row, addresses };
}

function secretsOf(held: Held): [string, HeldSecret][] {
  const { prefix, secretSha256, previousPrefix, previousSecretSha256 } = held.row;
  const current: [string, HeldSecret] = [prefix, { ...held, secretSha256 }];
  if (previousPrefix === null || previousSecretSha256 === null) return [current];
  return [[previousPrefix, { ...held, secretSha256: previousSecretSha256 }], current];
}

/** The token of `Bearer <token>`; the scheme is compared without case (RFC 9110 §11.1). Empty when there is none. */
export function bearerOf(authorization: string | undefined): string {
  return /^bearer +(\S{1,4096})$/i.exec(authorization ?? '')?.[1] ?? '';
}
