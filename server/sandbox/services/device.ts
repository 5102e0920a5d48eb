/** Sign-in with a device code (wire spec B3, D4 A5). */
import { errorBody, refuse, type RefuseStep } from '../steps.ts';
import { deviceCallback, readFields, signingIn } from './oauth.ts';
import type { Provider } from '../provider.ts';
import type { Route, RouteCall } from './routes.ts';

function userCode(call: RouteCall): RefuseStep {
  const { id, userCode } = call.provider.signIns.startDevice(call.account.name);
  // The interval is a string on the wire.
  return refuse(200, { device_auth_id: id, user_code: userCode, interval: '5' });
}

/** The answer while nobody has entered the code yet; some hosts say 404 instead of 403. */
export function devicePending(status: 403 | 404): RefuseStep {
  const message = 'Device authorization is unknown. Please try again.';
  return refuse(
    status,
    errorBody({ message, type: 'invalid_request_error', code: 'deviceauth_authorization_unknown' }),
  );
}

/** Pending for one poll, then approved for the person signing in, unless scripted otherwise. */
function poll(call: RouteCall): RefuseStep {
  const { signIns } = call.provider;
  const fields = readFields(call.request);
  const login = signIns.device(fields['device_auth_id'] ?? '');
  if (!login || login.userCode !== fields['user_code']) return devicePending(403);
  if (login.pendingPolls > 0) {
    login.pendingPolls -= 1;
    return devicePending(403);
  }
  return approve(call);
}

/** Hands out a code that the auth host's own callback may exchange. The provider made the PKCE pair. */
function approve(call: Pick<RouteCall, 'provider' | 'account'>): RefuseStep {
  const { signIns } = call.provider;
  const { verifier, challenge } = signIns.makePair();
  const redirectUri = `https://auth.openai.com${deviceCallback}`;
  const code = signIns.issueCode({ account: call.account.name, redirectUri, challenge });
  return refuse(200, { authorization_code: code, code_challenge: challenge, code_verifier: verifier });
}

/** The page a person would type the code into. Nothing to do there: codes approve themselves. */
function page(): RefuseStep {
  const html = '<!doctype html><title>Sandbox sign-in</title><p>This sandbox approves every device code by itself.</p>';
  return refuse(200, html, { 'content-type': 'text/html; charset=utf-8' });
}

function deviceOwner(provider: Provider) {
  return signingIn(provider);
}

export const deviceRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: /^\/api\/accounts\/deviceauth\/usercode$/,
    stage: 'usercode',
    caller: deviceOwner,
    handle: userCode,
  },
  { method: 'POST', path: /^\/api\/accounts\/deviceauth\/token$/, stage: 'device', caller: deviceOwner, handle: poll },
  { method: 'GET', path: /^\/codex\/device$/, stage: 'page', caller: deviceOwner, handle: page },
];
