/** A8–A14: backend services that answer differently, and account states they show (wire spec D4). */
import { z } from 'zod';
import type { Account } from '../account.ts';
import { errorBody, refuse, type Step } from '../steps.ts';
import { behaviour, stages, type Stage } from './define.ts';
import { edgeChallenge, tokenRefusal } from './refusals.ts';

const a8 = behaviour({
  what: 'accounts/check: origin, override or absence of the account (from now on); 404 or 401 (once).',
  options: z.object({
    kind: z
      .enum(['no_constraint', 'origin', 'override', 'missing', 'not_found', 'unauthorized', 'server_error'])
      .default('no_constraint'),
    origin: z.string().default('https://workspace.example'),
    override: z.string().default('us'),
  }),
  stage: (options) =>
    ['not_found', 'unauthorized', 'server_error'].includes(options.kind) ? 'accounts_check' : undefined,
  apply(account, options) {
    const flags = account.accountsCheck;
    if (options.kind === 'origin') flags.workspaceOrigin = options.origin;
    if (options.kind === 'override') flags.routingOverride = options.override;
    if (options.kind === 'missing') flags.missing = true;
    if (options.kind === 'no_constraint') {
      Object.assign(flags, { workspaceOrigin: 'NO_CONSTRAINT', routingOverride: 'NO_CONSTRAINT', missing: false });
    }
  },
  *service(_call, options) {
    if (options.kind === 'unauthorized') yield tokenRefusal('token_expired');
    else if (options.kind === 'server_error') yield refuse(500, errorBody({ message: 'Internal error.' }));
    else yield refuse(404, { detail: 'Not Found' });
  },
});

/** Account states that the usage endpoint, the headers and the events then agree on. */
const usageShapes = {
  plus: (account: Account) => account.changePlan('plus').windows([{ minutes: 300 }, { minutes: 10_080 }]),
  weekly_only: (account: Account) => account.changePlan('pro').windows([{ minutes: 10_080, usedPercent: 22 }]),
  free: (account: Account) =>
    account
      .changePlan('free')
      .windows([{ minutes: 43_200 }])
      .credits(null),
  business: (account: Account) =>
    account.changePlan('business').windows([]).credits({ hasCredits: true, unlimited: false, balance: '41.50' }),
  additional: (account: Account) =>
    account.additionalLimits([
      {
        limitName: 'GPT-5.3-Codex-Spark',
        meteredFeature: 'codex_bengalfox',
        windows: [{ minutes: 300, usedPercent: 5 }],
      },
    ]),
  exhausted_primary: (account: Account) =>
    account.windows([
      { minutes: 300, usedPercent: 100, resetsInSeconds: 3600 },
      { minutes: 10_080, usedPercent: 40 },
    ]),
  exhausted_secondary: (account: Account) =>
    account.windows([
      { minutes: 300, usedPercent: 10 },
      { minutes: 10_080, usedPercent: 100, resetsInSeconds: 86_400 },
    ]),
  stale_reset: (account: Account) => account.windows([{ minutes: 300, usedPercent: 80, resetsInSeconds: -60 }]),
  unknown_plan: (account: Account) => account.changePlan('plan_of_tomorrow'),
  odd_window: (account: Account) =>
    account.windows([
      { minutes: 59, usedPercent: 30 },
      { minutes: 10_079, usedPercent: 5 },
    ]),
} as const;
const shapeNames = Object.keys(usageShapes) as (keyof typeof usageShapes)[];

const a9 = behaviour({
  what: 'Usage: a state of the account (from now on), or a fault of the endpoint (once).',
  options: z.object({
    kind: z.enum([...shapeNames, 'unauthorized', 'payment_required', 'forbidden', 'rate_limited', 'html', 'slow']),
    slowMs: z.number().nonnegative().default(30_000),
  }),
  stage: (options) => (options.kind in usageShapes ? undefined : 'usage'),
  apply(account, options) {
    const shape = shapeNames.find((name) => name === options.kind);
    if (shape) usageShapes[shape](account);
  },
  *service(call, options) {
    if (options.kind === 'unauthorized') yield tokenRefusal('token_expired');
    else if (options.kind === 'payment_required') yield refuse(402, { detail: { code: 'deactivated_workspace' } });
    else if (options.kind === 'forbidden')
      yield refuse(403, errorBody({ message: 'Forbidden', code: 'account_deactivated' }));
    else if (options.kind === 'rate_limited')
      yield refuse(429, { detail: 'Too Many Requests' }, { 'retry-after': '60' });
    else if (options.kind === 'html') yield edgeChallenge();
    else {
      yield { do: 'wait', ms: options.slowMs };
      yield call.proceed();
    }
  },
});

const a10 = behaviour({
  what: 'Banked resets: how many (from now on), a code in answer to consume, or a consume whose answer is lost (once).',
  options: z.object({
    kind: z
      .enum(['none', 'one_available', 'redeeming', 'nothing_to_reset', 'no_credit', 'already_redeemed', 'answer_lost'])
      .default('one_available'),
  }),
  stage: (options) => (['none', 'one_available', 'redeeming'].includes(options.kind) ? undefined : 'consume'),
  apply(account, options) {
    if (options.kind === 'none') account.resetCredits(0);
    if (options.kind === 'one_available' || options.kind === 'redeeming') account.resetCredits(1);
    for (const credit of account.credit) if (options.kind === 'redeeming') credit.status = 'redeeming';
  },
  *service(call, options) {
    if (options.kind === 'answer_lost') {
      call.proceed();
      yield { do: 'cut', how: 'reset' };
    } else {
      yield refuse(200, { code: options.kind, credit: null, windows_reset: 0 });
    }
  },
});

const a11 = behaviour({
  what: 'Models: 404, 401, 500, or an answer that is no catalog.',
  options: z.object({ kind: z.enum(['not_found', 'unauthorized', 'server_error', 'list_shape']).default('not_found') }),
  stage: () => 'models',
  *service(_call, options) {
    if (options.kind === 'not_found') yield refuse(404, { detail: 'Not Found' });
    else if (options.kind === 'unauthorized') yield tokenRefusal('token_expired');
    else if (options.kind === 'server_error') yield refuse(500, errorBody({ message: 'Internal error.' }));
    else yield refuse(200, { object: 'list', data: [] });
  },
});

const a12 = behaviour({
  what: 'Files: too large, storage refuses the bytes, or not ready yet (`times` repeats it).',
  options: z.object({ kind: z.enum(['too_large', 'storage_refuses', 'retry']).default('retry') }),
  stage: (options) => ({ too_large: 'files', storage_refuses: 'upload', retry: 'uploaded' } as const)[options.kind],
  *service(_call, options) {
    if (options.kind === 'too_large') yield refuse(413, { detail: 'File too large' });
    else if (options.kind === 'storage_refuses') yield refuse(403, 'AuthenticationFailed');
    else yield refuse(200, { status: 'retry' });
  },
});

const hostedFaults = {
  transcribe_too_large: { stage: 'transcribe', status: 413, body: { detail: 'File too large' } },
  images_moderation: {
    stage: 'images',
    status: 400,
    body: errorBody({
      message: 'Rejected by the safety system.',
      type: 'image_generation_user_error',
      code: 'moderation_blocked',
    }),
  },
  search_failed: { stage: 'search', status: 500, body: errorBody({ message: 'Internal error.' }) },
  realtime_refused: { stage: 'realtime', status: 403, body: { detail: 'Realtime is not available.' } },
  compact_refused: { stage: 'compact', status: 400, body: { detail: 'Nothing to compact' } },
  compact_empty: { stage: 'compact', status: 200, body: { object: 'response.compaction', output: [] } },
} as const;
const hostedKinds = Object.keys(hostedFaults) as (keyof typeof hostedFaults)[];

const a13 = behaviour({
  what: 'Dictation, images, search, voice or old-style compaction refused.',
  options: z.object({ kind: z.enum(hostedKinds).default('images_moderation') }),
  stage: (options) => hostedFaults[options.kind].stage,
  *service(_call, options) {
    const { status, body } = hostedFaults[options.kind];
    yield refuse(status, body);
  },
});

const a14 = behaviour({
  what: 'Paths that nobody needs (settings, profile, plugins, analytics): 404, as by themselves, or another status.',
  options: z.object({ status: z.number().int().min(200).max(599).default(404), body: z.unknown().optional() }),
  stage: () => 'noise',
  *service(_call, options) {
    yield refuse(options.status, options.body ?? { detail: 'Not Found' });
  },
});

type ServiceStage = Exclude<Stage, 'answer' | 'handshake'>;
const serviceStages = stages.filter((stage): stage is ServiceStage => stage !== 'answer' && stage !== 'handshake');

const service = behaviour({
  what: 'Any account service by its stage: a status and body, a delay, a hang, a reset, or an answer lost after commit.',
  options: z.object({
    stage: z.enum(serviceStages),
    how: z.enum(['refuse', 'delay', 'hang', 'reset', 'answer_lost']).default('refuse'),
    status: z.number().int().min(200).max(599).default(500),
    body: z.unknown().default({ detail: 'Refused' }),
    headers: z.record(z.string(), z.string()).default({}),
    delayMs: z.number().nonnegative().default(1000),
  }),
  stage: (options) => options.stage,
  *service(call, options): Generator<Step> {
    if (options.how === 'hang') yield { do: 'hang' };
    if (options.how === 'refuse') yield refuse(options.status, options.body, options.headers);
    if (options.how === 'answer_lost') call.proceed();
    if (options.how === 'answer_lost' || options.how === 'reset') yield { do: 'cut', how: 'reset' };
    if (options.how === 'delay') {
      yield { do: 'wait', ms: options.delayMs };
      yield call.proceed();
    }
  },
});

export const accountServiceBehaviours = { A8: a8, A9: a9, A10: a10, A11: a11, A12: a12, A13: a13, A14: a14, service };
