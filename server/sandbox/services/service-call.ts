/** One call of an account service, as the behaviours see it. */
import type { Account } from '../account.ts';
import type { RecordedRequest } from '../recorder.ts';
import type { RefuseStep } from '../steps.ts';
import type { TokenOffice } from '../tokens.ts';
import type { Parts } from '../turn.ts';

export interface ServiceCall {
  readonly parts: Parts;
  readonly tokens: TokenOffice;
  readonly account: Account;
  readonly request: RecordedRequest;
  /** Runs the normal handler, with everything it changes, and gives its answer. Call it once. */
  proceed(): RefuseStep;
}
