/** What a client of the OpenAI surface is told instead of an answer, whatever carries it. */
import { GatewayError } from '../../contract/gateway-error.ts';
import { RefusedByProvider } from '../answer-exchange.ts';
import { AnswerFailed } from '../carriers/follow-answer.ts';
import type { RenderedError } from '../dialects/dialect.ts';
import { providerFailure } from '../dialects/openai/provider-failure.ts';
import { renderOpenAiError, renderProviderFailure, renderProviderRefusal } from '../dialects/openai/render-error.ts';

export interface PublicFailure extends RenderedError {
  /** For the log. */
  readonly code: string;
}

/** @param error - What ended the call; an error that nobody foresaw says nothing of itself. */
export function renderPublicFailure(error: unknown, now: Date): PublicFailure {
  if (error instanceof AnswerFailed) {
    const failure = providerFailure(error.failure, null);
    return { ...renderProviderFailure(failure, null), code: failure.code };
  }
  if (error instanceof RefusedByProvider) return { ...renderProviderRefusal(error.fault), code: error.fault.code };
  const known = error instanceof GatewayError ? error : new GatewayError('internal_error', { cause: error });
  return { ...renderOpenAiError(known, now), code: known.code };
}
