/** Asks the provider for an account's saved resets, and spends one (wire spec B10). */
import { z } from 'zod';
import type { ResetOutcome } from '../contract/vocabulary.ts';
import { parseJson } from '../lib/json-values.ts';
import type { AccountAsk, AskBackend } from './account-calls.ts';

const path = '/backend-api/wham/rate-limit-reset-credits';
const maxBytes = 256 * 1024;
/** Spending may take the provider longer than a look (gateway spec 5.8). */
const consumeMs = 15_000;
/** More than anybody was ever given; a longer list is cut. */
const maxCredits = 100;

/** One saved reset as the provider lists it. */
export interface ListedCredit {
  readonly id: string;
  readonly status: 'available' | 'redeeming' | 'redeemed';
  readonly grantedAt: Date | null;
  readonly expiresAt: Date | null;
}

interface Answered<T> {
  readonly status: number;
  /** Null when the answer was not understood, or was a refusal. */
  readonly found: T | null;
}

type Asked = Pick<AccountAsk, 'account' | 'accessToken'>;

export interface ResetCredits {
  /** Every saved reset in the provider's order. Spends nothing. @throws NetworkFault or AnswerTooLarge */
  list(ask: Asked): Promise<Answered<readonly ListedCredit[]>>;
  /**
   * Spends this one. The same attempt id again spends nothing more. A rejection tells nothing: the provider may have
   * spent it. @throws NetworkFault or AnswerTooLarge
   */
  consume(ask: Asked & { readonly attemptId: string; readonly creditId: string }): Promise<Answered<ResetOutcome>>;
}

const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .nullable()
  .catch(null);
const Listed = z.object({
  id: z.string().regex(/^[\w.:-]{1,200}$/),
  // A word nobody knows is not one that may be spent.
  status: z.enum(['available', 'redeeming', 'redeemed']).catch('redeeming'),
  granted_at: instant,
  expires_at: instant,
});
const List = z.object({ credits: z.array(z.unknown()) });
const Consumed = z.object({ code: z.enum(['reset', 'nothing_to_reset', 'no_credit', 'already_redeemed']) });

/** @example const credits = createResetCredits({ askBackend }); */
export function createResetCredits({ askBackend }: { askBackend: AskBackend }): ResetCredits {
  return {
    async list(ask) {
      const { status, body } = await askBackend({ ...ask, path, maxBytes });
      const list = isGood(status) ? List.safeParse(parseJson(body)) : null;
      return { status, found: list?.success ? readCredits(list.data.credits) : null };
    },
    async consume({ attemptId, creditId, ...ask }) {
      const json = { redeem_request_id: attemptId, credit_id: creditId };
      const { status, body } = await askBackend({
        ...ask,
        path: `${path}/consume`,
        maxBytes,
        json,
        limitMs: consumeMs,
      });
      const consumed = isGood(status) ? Consumed.safeParse(parseJson(body)) : null;
      return { status, found: consumed?.success ? consumed.data.code : null };
    },
  };
}

function readCredits(listed: readonly unknown[]): ListedCredit[] {
  return listed.slice(0, maxCredits).flatMap((each): ListedCredit[] => {
    const { success, data } = Listed.safeParse(each);
    return success
      ? [{ id: data.id, status: data.status, grantedAt: data.granted_at, expiresAt: data.expires_at }]
      : [];
  });
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}
