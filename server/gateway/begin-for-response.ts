/** Begins an exchange whose client waits on an HTTP response: when that closes too soon, the client has left. */
import type { ServerResponse } from 'node:http';
import type { RunningExchange, RunningExchanges } from './running-exchanges.ts';

/** @throws {GatewayError} `gateway_stopping` once stopping began. */
export function beginForResponse(response: ServerResponse, running: RunningExchanges): RunningExchange {
  const run = running.begin();
  // `close` also follows an answer that is through; then nobody left early.
  response.once('close', () => {
    if (!response.writableFinished) run.clientLeft();
  });
  return run;
}
