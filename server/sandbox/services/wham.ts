/** Account services of the backend: models, accounts/check, usage, banked resets (wire spec B8–B11; D4 A8–A11). */
import { refuse, type RefuseStep } from '../steps.ts';
import type { ResetCredit } from '../account.ts';
import type { Route, RouteCall } from './routes.ts';
import { readFields } from './oauth.ts';

function models(call: RouteCall): RefuseStep {
  const version = new URLSearchParams(call.request.query).get('client_version') ?? undefined;
  const { body, etag } = call.account.catalog(version);
  return refuse(200, body, { 'content-type': 'application/json', etag });
}

function accountsCheck(call: RouteCall): RefuseStep {
  const { account } = call;
  const flags = account.accountsCheck;
  const entry = {
    id: account.id,
    account_user_id: `${account.userId}__${account.id}`,
    structure: 'personal',
    plan_type: account.plan,
    name: null,
    is_deactivated: false,
    profile_picture_url: null,
    workspace_backend_origin: flags.workspaceOrigin,
    account_routing_override: flags.routingOverride,
  };
  const accounts = flags.missing ? [] : [entry];
  const ids = accounts.map((listed) => listed.id);
  return refuse(200, { accounts, account_ordering: ids, default_account_id: account.id });
}

function usage(call: RouteCall): RefuseStep {
  const { account } = call;
  return refuse(200, {
    user_id: account.userId,
    account_id: account.id,
    email: account.email,
    plan_type: account.plan,
    ...account.quota.usageFields(),
    rate_limit_reset_credits: { available_count: available(account.credit).length },
    promo: null,
  });
}

const available = (credits: readonly ResetCredit[]) => credits.filter((credit) => credit.status === 'available');

function wireCredit(credit: ResetCredit): Record<string, unknown> {
  const lifeMs = 90 * 86_400_000;
  return {
    id: credit.id,
    reset_type: 'codex_rate_limits',
    status: credit.status,
    granted_at: credit.grantedAt.toISOString(),
    expires_at: new Date(credit.grantedAt.getTime() + lifeMs).toISOString(),
    redeem_started_at: credit.redeemedAt?.toISOString() ?? null,
    redeemed_at: credit.redeemedAt?.toISOString() ?? null,
    title: 'Banked reset',
    description: 'Empties the windows of this account once.',
  };
}

function listResetCredits(call: RouteCall): RefuseStep {
  const credits = call.account.credit;
  const answer = { credits: credits.map(wireCredit), available_count: available(credits).length };
  return refuse(200, { ...answer, total_earned_count: credits.length });
}

/** Idempotent by `redeem_request_id`: the same id gets the same answer and spends nothing twice (wire spec B10). */
function consume(call: RouteCall): RefuseStep {
  const { account } = call;
  const fields = readFields(call.request);
  const requestId = fields['redeem_request_id'];
  if (!requestId) return refuse(400, { detail: 'redeem_request_id is required' });
  const earlier = account.redemptions.get(requestId);
  if (earlier) return refuse(200, earlier);
  const answer = redeem(call, fields['credit_id']);
  account.redemptions.set(requestId, answer);
  return refuse(200, answer);
}

function redeem(call: RouteCall, creditId: string | undefined): Record<string, unknown> {
  const { account, provider } = call;
  const named = account.credit.find((credit) => credit.id === creditId);
  if (named && named.status !== 'available')
    return { code: 'already_redeemed', credit: wireCredit(named), windows_reset: 0 };
  const credit = named ?? (creditId === undefined ? available(account.credit)[0] : undefined);
  if (!credit) return { code: 'no_credit', credit: null, windows_reset: 0 };
  const windowsReset = account.quota.resetWindows();
  if (windowsReset === 0) return { code: 'nothing_to_reset', credit: wireCredit(credit), windows_reset: 0 };
  credit.status = 'redeemed';
  credit.redeemedAt = provider.parts.clock.now();
  return { code: 'reset', credit: wireCredit(credit), windows_reset: windowsReset };
}

const backend = (path: string) => new RegExp(`^/backend-api/${path}$`);

export const whamRoutes: readonly Route[] = [
  { method: 'GET', path: backend('codex/models'), stage: 'models', caller: 'bearer', handle: models },
  {
    method: 'GET',
    path: backend('wham/accounts/check'),
    stage: 'accounts_check',
    caller: 'bearer',
    handle: accountsCheck,
  },
  { method: 'GET', path: backend('wham/usage'), stage: 'usage', caller: 'bearer', handle: usage },
  {
    method: 'GET',
    path: backend('wham/rate-limit-reset-credits'),
    stage: 'reset_credits',
    caller: 'bearer',
    handle: listResetCredits,
  },
  {
    method: 'POST',
    path: backend('wham/rate-limit-reset-credits/consume'),
    stage: 'consume',
    caller: 'bearer',
    handle: consume,
  },
];
