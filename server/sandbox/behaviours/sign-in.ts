/** A1–A7: sign-in, refresh and token services that answer differently (wire spec D4). */
import { z } from 'zod';
import { devicePending } from '../services/device.ts';
import { readFields, redirectBack, refreshRefusal } from '../services/oauth.ts';
import type { ServiceCall } from '../services/service-call.ts';
import { errorBody, refuse, type Plan, type RefuseStep } from '../steps.ts';
import { behaviour } from './define.ts';

const invalidGrant = () => refuse(400, { error: 'invalid_grant' });

const a1 = behaviour({
  what: 'Code exchange: normal, or refused with invalid_grant. Wrong verifiers and redirect addresses are refused anyway.',
  options: z.object({ kind: z.enum(['ok', 'invalid_grant']).default('ok') }),
  stage: () => 'code',
  *service(call, options) {
    yield options.kind === 'ok' ? call.proceed() : invalidGrant();
  },
});

const a2 = behaviour({
  what: 'Refresh that works, with a field left out of the answer.',
  options: z.object({
    kind: z.enum(['ok', 'without_refresh_token', 'without_id_token', 'without_access_token']).default('ok'),
  }),
  stage: () => 'refresh',
  *service(call, options) {
    const answer = call.proceed();
    // An answer without a new refresh token means that the old one stays valid.
    if (options.kind === 'without_refresh_token') {
      call.tokens.reviveRefresh(readFields(call.request)['refresh_token'] ?? '');
    }
    yield options.kind === 'ok' ? answer : withoutField(answer, options.kind.replace('without_', ''));
  },
});

function withoutField(answer: RefuseStep, field: string): RefuseStep {
  const fields = Object.entries(JSON.parse(answer.body.toString()) as Record<string, unknown>);
  return { ...answer, body: JSON.stringify(Object.fromEntries(fields.filter(([name]) => name !== field))) };
}

/** A refusal in all shapes at once, each with the text. */
function inWords(text: string): Record<string, unknown> {
  const fields = { message: text, code: text, type: text };
  return { ...fields, error: fields, error_description: text, detail: fields };
}

const a3 = behaviour({
  what: 'Refresh that fails: a dead token, a passing fault, a hang, or a success whose answer is lost.',
  options: z.object({
    kind: z
      .enum([
        'reused',
        'expired',
        'invalidated',
        'invalid_grant',
        'unknown_code',
        'rate_limited',
        'server_error',
        'forbidden',
        'hang',
        'answer_lost',
        'in_words',
      ])
      .default('reused'),
    /** For `in_words`: the status, and a text that stands in every field of the answer. */
    status: z.number().int().default(400),
    text: z.string().default('Something went wrong.'),
  }),
  stage: () => 'refresh',
  *service(call, options): Plan {
    switch (options.kind) {
      case 'reused':
      case 'expired':
      case 'invalidated':
        yield refreshRefusal(`refresh_token_${options.kind}`);
        break;
      case 'invalid_grant':
        yield invalidGrant();
        break;
      case 'unknown_code':
        yield refuse(401, errorBody({ message: 'Please sign in again.', code: 'app_session_terminated' }));
        break;
      case 'rate_limited':
        yield refuse(429, errorBody({ message: 'Too many requests.', code: 'rate_limit_exceeded' }), {
          'retry-after': '5',
        });
        break;
      case 'server_error':
        yield refuse(500, errorBody({ message: 'Internal error.', code: 'server_error' }));
        break;
      case 'forbidden':
        yield refuse(403, '<html><title>Just a moment...</title></html>', { 'cf-mitigated': 'challenge' });
        break;
      case 'hang':
        yield { do: 'hang' };
        break;
      case 'in_words':
        yield refuse(options.status, inWords(options.text));
        break;
      case 'answer_lost':
        call.proceed();
        yield { do: 'cut', how: 'reset' };
    }
  },
});

const a4 = behaviour({
  what: 'Exchange for an API key: normal or refused.',
  options: z.object({ kind: z.enum(['ok', 'refused']).default('refused') }),
  stage: () => 'api_key',
  *service(call, options) {
    yield options.kind === 'ok' ? call.proceed() : refuse(400, { error: 'invalid_request' });
  },
});

const a5 = behaviour({
  what: 'Device sign-in: pending (403 or 404), approved, denied, expired, or disabled. `times` repeats pending.',
  options: z.object({
    kind: z.enum(['pending', 'pending_404', 'approved', 'denied', 'expired', 'disabled']).default('pending'),
  }),
  stage: (options) => (options.kind === 'disabled' ? 'usercode' : 'device'),
  *service(call, options) {
    switch (options.kind) {
      case 'pending':
        yield devicePending(403);
        break;
      case 'pending_404':
        yield devicePending(404);
        break;
      case 'approved':
        yield approvedAtOnce(call);
        break;
      case 'denied':
        yield refuse(400, errorBody({ message: 'The sign-in was denied.', code: 'access_denied' }));
        break;
      case 'expired':
        yield refuse(400, errorBody({ message: 'The code has expired.', code: 'expired_token' }));
        break;
      case 'disabled':
        yield refuse(404, { detail: 'Not Found' });
    }
  },
});

/** The normal handler is pending once; asking it again gives the approval. */
function approvedAtOnce(call: ServiceCall): RefuseStep {
  const first = call.proceed();
  return first.status === 200 ? first : call.proceed();
}

const a6 = behaviour({
  what: 'Authorize page: back with a code, or with error=access_denied.',
  options: z.object({ kind: z.enum(['ok', 'access_denied']).default('access_denied') }),
  stage: () => 'authorize',
  *service(call, options) {
    const denied = { error: 'access_denied', error_description: 'The person said no.' };
    yield options.kind === 'ok' ? call.proceed() : redirectBack(call.request, denied);
  },
});

const a7 = behaviour({
  what: 'whoami refused, or revoke refused.',
  options: z.object({ kind: z.enum(['whoami_unauthorized', 'revoke_failed']).default('whoami_unauthorized') }),
  stage: (options) => (options.kind === 'revoke_failed' ? 'revoke' : 'whoami'),
  *service(_call, options) {
    const isRevoke = options.kind === 'revoke_failed';
    yield isRevoke
      ? refuse(500, errorBody({ message: 'Internal error.', code: 'server_error' }))
      : refuse(401, errorBody({ message: 'Invalid access token.', code: 'invalid_token' }));
  },
});

export const signInBehaviours = { A1: a1, A2: a2, A3: a3, A4: a4, A5: a5, A6: a6, A7: a7 };
