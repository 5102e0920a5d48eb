/** The parts that know saved resets: the list, spending one by hand, and spending one by itself. */
import type { AccountReader } from '../accounts/account-reader.ts';
import type { AskAccount } from '../accounts/ask-account.ts';
import { createRedeemReset, type RedeemReset } from '../accounts/resets/redeem-reset.ts';
import type { ResetBank } from '../accounts/resets/reset-bank.ts';
import { createResetRescue, type ResetRescue } from '../accounts/resets/rescue.ts';
import { insertAuditEvent } from '../audit/audit-store.ts';
import { resets } from '../contract/resets.ts';
import { spentOutcomes } from '../contract/vocabulary.ts';
import { errorFacts } from '../observe/log.ts';
import type { Storage } from '../open-storage.ts';
import type { ResetCredits } from '../upstream/reset-credits.ts';
import type { World } from '../world/world.ts';
import type { Books } from './books.ts';

export interface SavedResets {
  readonly bank: ResetBank;
  readonly redeem: RedeemReset;
  readonly rescue: ResetRescue;
}

export interface SavedResetsParts {
  readonly world: World;
  readonly books: Books;
  readonly ask: AskAccount;
  readonly bank: ResetBank;
  readonly credits: ResetCredits;
  readonly reader: AccountReader;
}

export function createSavedResets(
  { database, changes }: Pick<Storage, 'database' | 'changes'>,
  { world, books, ask, bank, credits, reader }: SavedResetsParts,
): SavedResets {
  const { clock, random, log } = world;
  const { db } = database;
  const { board } = books;
  const readLimits = (accountId: string) => reader.readLimits(accountId);
  const redeem = createRedeemReset({ db, clock, random, log, ask, bank, board, consume: credits.consume, readLimits });
  const rescue = createResetRescue({
    db,
    clock,
    log,
    bank,
    board,
    redeem,
    readLimits,
    audit: (accountId, { id, outcome }) =>
      insertAuditEvent(db, {
        id: random.id(),
        occurredAt: clock.now(),
        actor: 'reset-policy',
        action: resets.redeem.name,
        outcome: outcome !== null && spentOutcomes.has(outcome) ? 'success' : 'failure',
        errorCode: null,
        requestId: null,
        details: { 'bank.account.id': accountId, 'redemption.id': id, 'redemption.outcome': outcome },
      }),
  });
  changes.subscribe('accounts', () => {
    rescue.reload().catch((error: unknown) => log.error('reload_failed', { topic: 'accounts', ...errorFacts(error) }));
  });
  return { bank, redeem, rescue };
}
