/** Asks the provider what an account has used and where its workspace wants its inference (wire spec B8, B9). */
import { readUsage, type QuotaEvidence } from '../accounts/read-quota.ts';
import { parseJson } from '../lib/json-values.ts';
import type { Clock } from '../world/world.ts';
import type { AccountAnswer, AccountAsk, AskBackend } from './account-calls.ts';
import { readWorkspace, type Workspace } from './read-workspace.ts';

/** Usage documents are 1–2 KB; a list of workspaces grows with their number. */
const maxUsageBytes = 256 * 1024;
const maxWorkspacesBytes = 1024 * 1024;

/** What a probe says of an account: the answer's status, and what was read from it if it was readable. */
export interface Probe<T> {
  readonly status: number;
  readonly found: T | null;
}

export interface UsageProbes {
  /** Does not use up anything. @throws NetworkFault or AnswerTooLarge */
  usage(ask: ProbeAsk): Promise<Probe<QuotaEvidence>>;
  /** @throws NetworkFault or AnswerTooLarge */
  workspace(ask: ProbeAsk): Promise<Probe<Workspace>>;
}

export type ProbeAsk = Pick<AccountAsk, 'account' | 'accessToken' | 'signal'>;

/** @param options.upstreamUrl where a workspace's own origin may also point, beside the provider's hosts */
export function createUsageProbes({
  askBackend,
  clock,
  upstreamUrl,
}: {
  askBackend: AskBackend;
  clock: Clock;
  upstreamUrl: string;
}): UsageProbes {
  return {
    async usage(ask) {
      const answer = await askBackend({ ...ask, path: '/backend-api/wham/usage', maxBytes: maxUsageBytes });
      return probeOf(answer, (document) => readUsage(document, clock.now()));
    },
    async workspace(ask) {
      const path = '/backend-api/wham/accounts/check';
      const answer = await askBackend({ ...ask, path, maxBytes: maxWorkspacesBytes });
      const { chatgptAccountId } = ask.account;
      return probeOf(answer, (document) => readWorkspace(document, { chatgptAccountId, upstreamUrl }));
    },
  };
}

function probeOf<T>(answer: AccountAnswer, read: (document: unknown) => T | null): Probe<T> {
  const isGood = answer.status >= 200 && answer.status < 300;
  return { status: answer.status, found: isGood ? read(parseJson(answer.body)) : null };
}
