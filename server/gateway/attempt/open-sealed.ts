/**
 * What to do when an account cannot open what another sealed in the same conversation (wire spec B15, B17): go to the
 * one that sealed it where that one can serve, else ask again without those items, once per account. So a conversation
 * that had to move is never stuck, and nothing is left out for the account that made it.
 */
import type { AccountFacts } from '../../accounts/account.ts';
import type { Log } from '../../world/world.ts';
import type { Continuity } from '../continuity/continuity.ts';
import { bodyToSend, type Exchange } from '../exchange.ts';
import type { Fault } from './faults.ts';
import { sealedItemsIn, withoutItems, type SealedItem } from './shed-sealed-items.ts';

/** What follows, in a word for records. */
export interface Remedy {
  readonly word: 'sent_to_its_maker' | 'sealed_items_left_out';
  /** The account to ask next. */
  readonly account: AccountFacts;
}

export interface SealedOpener {
  /** Leaves out beforehand what this account refused to open in this conversation before. */
  prepare(account: AccountFacts): Promise<void>;
  /** null when there is none: the fault is another, or what the account refuses is its own. */
  remedyFor(fault: Fault, account: AccountFacts): Promise<Remedy | null>;
  /** Nobody else can serve: what remains for an account that was passed over for the maker. */
  lastRemedy(): Remedy | null;
  /** An account answered. */
  answered(account: AccountFacts): void;
}

/** Far more than a conversation holds; of older ones nobody is known to have sealed them. */
const maxLookedUp = 10_000;

export interface SealedOpenerParts {
  readonly continuity: Pick<Continuity, 'sealersOf' | 'noteShed' | 'wasShedFor'>;
  readonly log: Log;
  /** The account, if it may serve this exchange now. */
  readonly eligible: (accountId: string) => AccountFacts | null;
}

export function createSealedOpener(exchange: Exchange, parts: SealedOpenerParts): SealedOpener {
  const body = bodyToSend(exchange);
  /** Accounts that got a request without its sealed items, or stand ready to. */
  const shedFor = new Set<string>();
  let passedOver: { readonly account: AccountFacts; readonly foreign: readonly SealedItem[] } | null = null;
  let sealers: ReadonlyMap<string, string> | null = null;

  async function foreignTo(account: AccountFacts): Promise<SealedItem[]> {
    const items = sealedItemsIn(body);
    if (items.length === 0) return [];
    sealers ??= await parts.continuity.sealersOf(exchange, items.slice(-maxLookedUp).map(contentOf));
    return items.filter((item) => sealers?.get(contentOf(item)) !== account.id);
  }

  function shed(account: AccountFacts, foreign: readonly SealedItem[]): Remedy {
    shedFor.add(account.id);
    exchange.shed = { accountId: account.id, body: withoutItems(body, new Set(foreign.map(({ index }) => index))) };
    parts.log.info('sealed_items_left_out', { requestId: exchange.id, accountId: account.id, count: foreign.length });
    return { word: 'sealed_items_left_out', account };
  }

  /** The one that sealed the newest of them, unless the conversation has moved on from there. */
  function makerOf(foreign: readonly SealedItem[], account: AccountFacts): AccountFacts | null {
    const { pinnedTo = null, prefers = null } = exchange.continuation ?? {};
    const newest = foreign.at(-1);
    const maker = newest && sealers?.get(contentOf(newest));
    if (!maker || pinnedTo !== null || prefers === account.id) return null;
    return parts.eligible(maker);
  }

  return {
    async prepare(account) {
      if (shedFor.has(account.id) || !parts.continuity.wasShedFor(exchange, account.id)) return;
      const foreign = await foreignTo(account);
      if (foreign.length > 0) shed(account, foreign);
    },

    async remedyFor(fault, account) {
      if (fault.kind !== 'sealed_elsewhere' || shedFor.has(account.id)) return null;
      const foreign = await foreignTo(account);
      if (foreign.length === 0) return null;
      const maker = passedOver ? null : makerOf(foreign, account);
      if (!maker) return shed(account, foreign);
      passedOver = { account, foreign };
      return { word: 'sent_to_its_maker', account: maker };
    },

    lastRemedy() {
      if (!passedOver || shedFor.has(passedOver.account.id)) return null;
      return shed(passedOver.account, passedOver.foreign);
    },

    answered(account) {
      if (shedFor.has(account.id)) parts.continuity.noteShed(exchange, account.id);
    },
  };
}

function contentOf({ encryptedContent }: SealedItem): string {
  return encryptedContent;
}
