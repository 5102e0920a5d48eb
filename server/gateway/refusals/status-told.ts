/** The status an error has for its client: each surface has its own for some of them. Pure; records keep what was told. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { RefusedByProvider } from '../answer-exchange.ts';
import { AnswerFailed } from '../carriers/follow-answer.ts';
import { nativeStatusOf } from '../dialects/codex/render-error.ts';
import { providerFailure } from '../dialects/openai/provider-failure.ts';
import { openAiStatusOf, renderProviderRefusal } from '../dialects/openai/render-error.ts';
import { isPublicPath } from '../routes.ts';
import { ClientLeft } from '../running-exchanges.ts';

/** The status of an error of our own. */
export function statusOfRefusal(refusal: GatewayError, { endpoint }: { endpoint: string }): number {
  return isPublicPath(endpoint) ? openAiStatusOf(refusal) : nativeStatusOf(refusal);
}

/** @returns null for a client that left before it was told anything. */
export function statusTold(error: unknown, { endpoint }: { endpoint: string }): number | null {
  if (error instanceof GatewayError) return statusOfRefusal(error, { endpoint });
  if (error instanceof RefusedByProvider)
    return isPublicPath(endpoint) ? renderProviderRefusal(error.fault).status : error.fault.upstreamStatus;
  if (error instanceof AnswerFailed) return providerFailure(error.failure, null).status;
  return error instanceof ClientLeft ? null : 500;
}
