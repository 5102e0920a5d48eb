/** A seat for what is answered here and asks the database: as with requests that go on, more wait in line or are told so. */
import type { RouterContext } from '@koa/router';
import type { LaneName } from '../contract/lanes.ts';
import type { Admission } from '../gateway/admission/admission.ts';
import { ClientLeft } from '../gateway/running-exchanges.ts';
import type { CallState } from './middleware.ts';

interface Seating {
  readonly admission: Admission;
  readonly lane: LaneName;
  /** Whose turn it takes. */
  readonly owner: string;
}

/** @throws what `Admission.enter` and the work throw. */
export async function inSeat<Result>(
  { res }: Pick<RouterContext<CallState>, 'res'>,
  { admission, lane, owner, work }: Seating & { readonly work: () => Promise<Result> },
): Promise<Result> {
  const left = new AbortController();
  res.once('close', () => left.abort(new ClientLeft()));
  const leaveSeat = await admission.enter(lane, { owner, atOnce: () => [], signal: left.signal });
  try {
    return await work();
  } finally {
    leaveSeat();
  }
}
