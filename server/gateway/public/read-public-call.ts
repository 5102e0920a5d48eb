/** A public request on its way into the engine: what it asks of the provider, and how its answer will be told. */
import type { Client } from '../../api-keys/key-book.ts';
import type { GatewayError } from '../../contract/gateway-error.ts';
import type { Settings } from '../../contract/settings.ts';
import type { JsonRecord } from '../../lib/json-values.ts';
import { applyToUpdates, modelFactsOf } from '../apply-key-policy.ts';
import { chooseForPublic } from './choose-for-public.ts';
import { readCodexAsk } from '../dialects/codex/read-ask.ts';
import type { AnswerRendering } from '../dialects/dialect.ts';
import { expectCompaction } from '../dialects/openai/expect-compaction.ts';
import { providerFailure } from '../dialects/openai/provider-failure.ts';
import type { PublicDialect } from '../dialects/public-dialects.ts';
import type { Ask } from '../exchange.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { ourIdentity } from './our-identity.ts';

export interface PublicCallStart<Told = string> {
  readonly client: Client;
  readonly dialect: PublicDialect<Told>;
  readonly settings: Settings;
  readonly parts: Pick<GatewayParts, 'catalogOf' | 'pools' | 'clock' | 'random'>;
}

export interface ReadPublicCall<Told = string> {
  readonly ask: Ask;
  /** Why the key may not ask this, or that no such model is there. */
  readonly refusal: GatewayError | null;
  readonly wantsStream: boolean;
  readonly rendering: AnswerRendering<Told>;
}

/**
 * @param read.body - The request's bytes. @param read.document - What they say.
 * @throws {GatewayError} naming the field at fault.
 */
export function readPublicCall<Told extends string | readonly unknown[]>(
  { body, document }: { body: Buffer; document: JsonRecord },
  { client, dialect, settings, parts }: PublicCallStart<Told>,
): ReadPublicCall<Told> {
  const { request, render } = dialect.read(body, document);
  const { policy, poolId, keyId } = client;
  const { entries } = parts.catalogOf(poolId);
  const { effortField } = dialect;
  const { namedModel, choices, refusal } = chooseForPublic(request, {
    policy,
    entries,
    servingModeOf: (model) => parts.pools.servingModeOf(poolId, model),
    effortField,
  });
  const asked = readCodexAsk({
    body: dialect.bodyOf(request, choices),
    headers: ourIdentity(request, { keyId, originator: settings['gateway.originator'], isLite: choices.isLite }),
    upstreamPath: dialect.upstreamPath,
    isCompaction: dialect.isCompaction,
  });
  const facts = modelFactsOf(entries, choices.model);
  const held = applyToUpdates(asked.body, { policy, facts, effortField });
  const { clock, random } = parts;
  const nowSeconds = () => Math.floor(clock.now().getTime() / 1000);
  const told = render({
    frame: { model: choices.model, createdAt: nowSeconds(), echo: request.echo, toolNameOf: request.names.restore },
    showsEncrypted: request.showsEncrypted,
    makeId: (prefix) => `${prefix}_${random.id().replaceAll('-', '')}`,
    nowSeconds,
    failureOf: (error) => providerFailure(error, null),
  });
  const rendering = asked.isCompaction && !dialect.isCompaction ? expectCompaction(told) : told;
  const ask = {
    ...asked,
    body: held.body,
    requestedModel: namedModel,
    outputCap: request.outputCap,
    mustOwnFiles: true,
  };
  return { ask, refusal: refusal ?? held.refusal, wantsStream: request.wantsStream, rendering };
}
