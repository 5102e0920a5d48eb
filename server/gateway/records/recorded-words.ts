/**
 * The words of a request that its records keep. A client may write anything where a model, a tier or an effort belongs,
 * so a word is kept only when somebody else has it too: a model list, a price list, the operator, or this program. Pure.
 */
import { effortsOf, entryOf } from '../../catalog/model-facts.ts';
import type { Prices } from '../../catalog/prices.ts';
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import { effortLevels, serviceTiers, unlistedWord } from '../../contract/vocabulary.ts';
import { imageModels } from '../dialects/openai-images/read-image-request.ts';
import { transcriptionModels } from '../dialects/openai-audio/read-transcription.ts';
import type { Exchange } from '../exchange.ts';
import { servingFacts } from '../public/choose-for-public.ts';

export interface WordSources {
  /** The Pool's model list. */
  readonly entries: readonly CatalogEntry[];
  readonly prices: Pick<Prices, 'models'>;
}

export interface RecordedWords {
  /** null where the call has none. */
  readonly model: string | null;
  readonly requestedModel: string | null;
  readonly requestedTier: string | null;
  readonly reasoningEffort: string | null;
}

export function recordedWords(exchange: Exchange, sources: WordSources): RecordedWords {
  const { model, requestedModel, requestedTier, reasoningEffort } = exchange.ask;
  const { entries } = sources;
  const entry = entryOf(entries, model);
  const tiers = [...tierWords, ...servingFacts(entries, model).tiers];
  const efforts = [...Object.keys(effortLevels), ...((entry && effortsOf(entry).efforts) ?? [])];
  return {
    model: modelOf(model, { exchange, sources }),
    requestedModel: modelOf(requestedModel, { exchange, sources }),
    requestedTier: oneOf(tiers, requestedTier),
    reasoningEffort: oneOf(efforts, reasoningEffort),
  };
}

/** Those that a key may set, and those that only clients ask for. */
const tierWords = [...Object.keys(serviceTiers), 'fast', 'ultrafast'];
/** Asked for by name on paths that no model list speaks of. */
const mediaModels: ReadonlySet<string> = new Set([...imageModels, ...transcriptionModels]);

function modelOf(written: string, { exchange, sources }: { exchange: Exchange; sources: WordSources }): string | null {
  const name = written.trim().toLowerCase();
  if (name === '') return null;
  const entry = entryOf(sources.entries, name);
  if (entry) return entry.slug;
  const isKnown = sources.prices.models.has(name) || mediaModels.has(name) || isOperators(name, exchange);
  return isKnown ? name : unlistedWord;
}

/** The operator wrote it: into the key's policy, or into a limit of the key, which counts by the recorded name. */
function isOperators(name: string, { client: { policy }, limits, ask }: Exchange): boolean {
  if (limits.namesModel && name === ask.model.trim().toLowerCase()) return true;
  if (!policy) return false;
  const { modelAliases, enforcedModel, allowedModels } = policy;
  const inAliases = Object.hasOwn(modelAliases, name) || Object.values(modelAliases).includes(name);
  return inAliases || enforcedModel === name || (allowedModels?.includes(name) ?? false);
}

function oneOf(words: readonly string[], word: string | null): string | null {
  return word === null || words.includes(word) ? word : unlistedWord;
}
