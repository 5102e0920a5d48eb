/**
 * Reads an account anew at the provider: its limits, its workspace and its model list. Used right after an import and
 * on demand. A reading that fails is reported and changes nothing.
 */
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { Reading as ReadingSchema } from '../contract/accounts.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import { SecretProblem } from '../security/vault.ts';
import { AnswerTooLarge } from '../world/read-whole.ts';
import { NetworkFault, type Clock, type Log } from '../world/world.ts';
import type { AccountBoard } from './account-board.ts';
import { savePlan, saveWorkspace, selectAccountFacts } from './account-store.ts';
import { saveCredits, saveQuotaReadings } from './quota-store.ts';
import type { QuotaEvidence } from './read-quota.ts';
import { saveProbe } from './probe-store.ts';
import type { AskAccount, Found, ReadingAsk } from './ask-account.ts';

export type Reading = z.input<typeof ReadingSchema>;

/** The questions; each rejects when no whole answer comes. The model list is kept by whoever asks for it. */
export interface AccountQuestions {
  usage(ask: ReadingAsk): Promise<Found<QuotaEvidence>>;
  workspace(ask: ReadingAsk): Promise<Found<{ backendOrigin: string | null; routingOverride: string | null }>>;
  models(ask: ReadingAsk): Promise<Found<unknown>>;
}

export interface AccountReader {
  /** Asks everything about one account; the limits beside the rest. Rejects only when the database fails. */
  read(accountId: string): Promise<{ quotaReading: Reading; modelsReading: Reading }>;
  /** Asks for its limits only. */
  readLimits(accountId: string): Promise<Reading>;
  /** Asks for its workspace and model list only. Rejects as {@link AccountReader.readLimits} does. */
  readModels(accountId: string): Promise<Reading>;
}

/** @example const reader = createAccountReader({ db, ask, board, clock, log, questions, onSavedResets }); */
export function createAccountReader(parts: {
  db: Kysely<DB>;
  ask: AskAccount;
  board: Pick<AccountBoard, 'record' | 'noteCredits' | 'readings'>;
  clock: Clock;
  log: Log;
  questions: AccountQuestions;
  /** The usage document says how many saved resets there are. */
  onSavedResets: (account: ReadingAsk['account'], count: number) => Promise<void>;
}): AccountReader {
  const { db, ask, board, clock, log, questions, onSavedResets } = parts;

  async function readQuota(account: ReadingAsk['account']): Promise<Reading> {
    const answer = await ask(account, (about) => questions.usage(about));
    if (!answer.found) return failed(problemOf(answer.status));
    const { readings, plan, credits } = answer.found;
    board.record(account.id, readings);
    board.noteCredits(account.id, credits);
    await saveQuotaReadings(
      db,
      board.readings(account.id).map((reading) => ({ accountId: account.id, reading })),
    );
    if (credits) await saveCredits(db, [{ accountId: account.id, credits }]);
    // Readings are each process's own business; what a plan allows is everybody's.
    if (plan !== null && (await savePlan(db, { id: account.id, plan }))) await announceChange(db, 'accounts');
    if (answer.found.savedResets !== undefined) await onSavedResets(account, answer.found.savedResets);
    return succeeded;
  }

  /** Notes that it was asked, and how that went. */
  async function readAndNoteQuota(account: ReadingAsk['account']): Promise<Reading> {
    const askedAt = clock.now();
    const reading = await readQuota(account).catch(reportedFault);
    await saveProbe(db, { accountId: account.id, askedAt, problem: reading.problem });
    return reading;
  }

  /** The workspace first: it decides where the model list is asked for. Without an answer the default stays. */
  async function readModels(account: ReadingAsk['account']): Promise<Reading> {
    const workspace = (await ask(account, (about) => questions.workspace(about)).catch(() => null))?.found ?? null;
    if (workspace && (await saveWorkspace(db, { id: account.id, ...workspace }))) await announceChange(db, 'accounts');
    const answer = await ask({ ...account, ...workspace }, (about) => questions.models(about));
    if (!answer.found) return failed(problemOf(answer.status));
    await announceChange(db, 'catalog');
    return succeeded;
  }

  async function factsOf(accountId: string): Promise<ReadingAsk['account']> {
    const [account] = await selectAccountFacts(db, accountId);
    if (!account) throw new GatewayError('account_not_found');
    return account;
  }

  return {
    async readModels(accountId) {
      return readModels(await factsOf(accountId)).catch(reportedFault);
    },

    async readLimits(accountId) {
      return readAndNoteQuota(await factsOf(accountId));
    },

    async read(accountId) {
      const account = await factsOf(accountId);
      const [quotaReading, modelsReading] = await Promise.all([
        readAndNoteQuota(account),
        readModels(account).catch(reportedFault),
      ]);
      const facts = { accountId, status: quotaReading.ok && modelsReading.ok ? 'complete' : 'incomplete' };
      log.info('account_read', facts);
      return { quotaReading, modelsReading };
    },
  };
}

const succeeded: Reading = { ok: true, problem: null };

function failed(problem: string): Reading {
  return { ok: false, problem };
}

/** Faults of the provider and of the sign-in are results of a reading; anything else is a fault of ours. */
function reportedFault(error: unknown): Reading {
  if (error instanceof GatewayError) return failed(error.sentence);
  if (error instanceof SecretProblem) {
    return failed(`The stored token needs root key version ${error.keyVersion}, which is missing or does not fit.`);
  }
  if (error instanceof NetworkFault) {
    const isLate = error.kind === 'timeout' || error.kind === 'aborted';
    return failed(isLate ? 'The provider did not answer in time.' : 'The provider could not be reached.');
  }
  if (error instanceof AnswerTooLarge) return failed(notUnderstood);
  throw error;
}

const notUnderstood = "The provider's answer was not understood.";

function problemOf(status: number): string {
  if (status === 401) return "The provider refused this account's token.";
  if (status === 402 || status === 403) return `The provider refused the question for this account (status ${status}).`;
  if (status === 429) return 'The provider asks for patience (status 429). The reading will work later.';
  return status >= 200 && status < 300 ? notUnderstood : `The provider answered with status ${status}.`;
}
