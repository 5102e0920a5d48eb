/** What a model can do on one account, read from the entry of that account's own list (gateway spec 3, stage 4). */
import { z } from 'zod';
import { parseJson } from '../lib/json-values.ts';

/** What a list may say that a model lacks. What it does not mention counts as there. */
export type ModelLack = 'responses' | 'streaming' | 'images' | 'tools' | 'reasoning';

export interface ModelAbilities {
  /** Service tiers on offer beside the usual one, as {@link concreteTier} writes them. */
  readonly tiers: ReadonlySet<string>;
  /** What the entry says no to; nobody is left out for what is only not known. */
  readonly lacks: ReadonlySet<ModelLack>;
  /** The entry says that it compacts. */
  readonly compacts: boolean;
}

/** An account without an entry for a model, or with one that says nothing. */
export const unknownAbilities: ModelAbilities = { tiers: new Set(), lacks: new Set(), compacts: false };

/**
 * The tier that somebody needs to be offered, or null when the usual one will do. `fast` is what some lists and clients
 * call `priority`.
 */
export function concreteTier(tier: string | null): string | null {
  const name = tier?.trim().toLowerCase() ?? '';
  if (name === '' || name === 'auto' || name === 'default' || name === 'standard') return null;
  return name === 'fast' ? 'priority' : name;
}

const flag = z.boolean().optional().catch(undefined);
const list = z.array(z.unknown()).optional().catch(undefined);

/** Every field may be missing or strange: then it says nothing. */
const Entry = z
  .object({
    capabilities: z
      .object({ responses: flag, streaming: flag, image_input: flag, tools: flag, reasoning: flag })
      .catch({})
      .default({}),
    supports_streaming: flag,
    supports_tools: flag,
    supports_reasoning: flag,
    supports_compact_responses: flag,
    input_modalities: list,
    supported_reasoning_levels: list,
    service_tiers: list,
    additional_speed_tiers: list,
  })
  .catch({ capabilities: {} });

/** @param bytes - one entry of a model list, as the provider wrote it */
export function readModelAbilities(bytes: Buffer): ModelAbilities {
  // Structure was checked when the list was taken apart; a broken escape inside a text shows only here.
  const entry = Entry.parse(parseJson(bytes));
  const { capabilities } = entry;
  const says: Record<ModelLack, boolean> = {
    responses: capabilities.responses === false,
    streaming: capabilities.streaming === false || entry.supports_streaming === false,
    images: capabilities.image_input === false || entry.input_modalities?.includes('image') === false,
    tools: capabilities.tools === false || entry.supports_tools === false,
    reasoning:
      capabilities.reasoning === false ||
      entry.supports_reasoning === false ||
      entry.supported_reasoning_levels?.length === 0,
  };
  return {
    tiers: new Set([...(entry.service_tiers ?? []), ...(entry.additional_speed_tiers ?? [])].flatMap(tierIn)),
    lacks: new Set((Object.keys(says) as ModelLack[]).filter((lack) => says[lack])),
    compacts: entry.supports_compact_responses === true,
  };
}

/** One list holds objects with an id, the other bare names. */
function tierIn(item: unknown): string[] {
  const named = typeof item === 'object' && item !== null && 'id' in item ? item.id : item;
  const tier = typeof named === 'string' ? concreteTier(named) : null;
  return tier === null ? [] : [tier];
}
