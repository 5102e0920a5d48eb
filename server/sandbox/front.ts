/** The wire side of the sandbox: one HTTP server that plays the auth host and the backend, and one for file bytes. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { planAnswer, responsesPath } from './inference.ts';
import { playHttp, type PlayEnd } from './play-http.ts';
import type { Provider } from './provider.ts';
import { readAsk } from './read-ask.ts';
import { readRequest } from './read-request.ts';
import type { RecordedRequest } from './recorder.ts';
import { planService } from './services/answer-service.ts';
import { serviceRoutes, type Route } from './services/routes.ts';
import { storageRoutes } from './services/uploads.ts';
import type { Plan, RefuseStep } from './steps.ts';
import { findFault } from './strict-rules.ts';

/** Turn metadata can be long (wire spec A3.1). */
const maxHeaderBytes = 64 * 1024;

/** Auth host and backend on one origin. */
export function createFront(provider: Provider): Server {
  return createWireServer(provider, (request, response) => {
    const isInference = request.method === 'POST' && request.path === responsesPath;
    return isInference
      ? answerInference(provider, request, response)
      : answerService(provider, serviceRoutes, { request, response });
  });
}

/** The storage that file bytes are put to: another origin, as in reality. */
export function createStorage(provider: Provider): Server {
  return createWireServer(provider, (request, response) =>
    answerService(provider, storageRoutes, { request, response }),
  );
}

type Answerer = (request: RecordedRequest, response: ServerResponse) => Promise<void>;

function createWireServer(provider: Provider, answer: Answerer): Server {
  const options = { maxHeaderSize: maxHeaderBytes, requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 60_000 };
  return createServer(options, (message, response) => {
    response.on('error', () => response.destroy());
    readRequest(provider, message)
      .then(({ request, fault }) => (fault ? play(provider, [fault], response) : answer(request, response)))
      .catch(() => response.destroy());
  });
}

async function play(provider: Provider, plan: Plan, response: ServerResponse): Promise<void> {
  await playHttp(plan, { clock: provider.parts.clock, response, report: () => {} });
}

function answerService(
  provider: Provider,
  routes: readonly Route[],
  call: { readonly request: RecordedRequest; readonly response: ServerResponse },
): Promise<void> {
  return play(provider, planService(provider, call.request, routes), call.response);
}

async function answerInference(provider: Provider, request: RecordedRequest, response: ServerResponse): Promise<void> {
  const { clock } = provider.parts;
  const account = provider.authenticate(request);
  const reading = readAsk(request, 'http');
  if (isRefusal(account)) return play(provider, [account], response);
  if (reading.fault) return play(provider, [reading.fault], response);
  const fault = findFault(reading, account);
  if (fault) return play(provider, [fault], response);
  const { plan } = planAnswer(provider, account, reading.ask);
  account.counters.openStreams += 1;
  let outcome: PlayEnd = 'cut';
  try {
    outcome = await playHttp(plan, { clock, response, report: account.report });
  } finally {
    account.counters.openStreams -= 1;
    provider.recorder.streamEnded({ account: account.name, request: request.number, outcome });
  }
}

function isRefusal(value: object): value is RefuseStep {
  return 'do' in value && value.do === 'refuse';
}
