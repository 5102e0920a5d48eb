/** A seat for an exchange whose key is good at the moment it is taken, however long the line was. */
import type { KeyBook } from '../../api-keys/key-book.ts';
import type { LimitBook } from '../../api-keys/limit-book.ts';
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Admission, LeaveSeat } from './admission.ts';
import type { Exchange } from '../exchange.ts';
import { statusOfRefusal } from '../refusals/status-told.ts';
import { keyEnded } from '../records/key-ended.ts';
import type { RecordKeeper } from '../records/record-keeper.ts';

export interface SeatParts {
  readonly admission: Pick<Admission, 'enter'>;
  readonly keys: Pick<KeyBook, 'whyEnded' | 'onChange'>;
  readonly limits: Pick<LimitBook, 'of'>;
  readonly records: Pick<RecordKeeper, 'reject'>;
}

/**
 * Whatever ends a key ends its waiting requests at once, so that others move up.
 *
 * @throws {GatewayError} why the key ended or what limit of it is in the way, recorded; or what `Admission.enter` throws.
 */
export async function waitForSeat(exchange: Exchange, parts: SeatParts): Promise<LeaveSeat> {
  const { client, routeClass, ask } = exchange;
  const { admission, keys, limits, records } = parts;
  const ended = new AbortController();
  const check = () => {
    const end = keys.whyEnded(client);
    if (end) ended.abort(keyEnded(end));
  };
  const forget = keys.onChange(check);
  const atOnce = () => limits.of({ keyId: client.keyId, model: ask.model }).atOnce;
  try {
    const signal = AbortSignal.any([exchange.signal, ended.signal]);
    const leaveSeat = await admission.enter(routeClass, { owner: client.keyId, atOnce, signal });
    // A key that expires in this moment is not announced yet.
    check();
    if (!ended.signal.aborted) return leaveSeat;
    leaveSeat();
    throw ended.signal.reason;
  } catch (error) {
    const isRecorded = error instanceof GatewayError && (error === ended.signal.reason || error.limit);
    if (isRecorded) records.reject(exchange, { refusal: error, responseStatus: statusOfRefusal(error, exchange) });
    throw error;
  } finally {
    forget();
  }
}
