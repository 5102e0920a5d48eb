/**
 * Names of the provider's meters. One limit has other names in headers, events and the usage document, and a meter that
 * is named like a model limits that model and no other. Pure.
 */
import { wordOf } from './quota-fields.ts';

/** One row per limit of its own: the name it goes by here, and what the surfaces call it (gateway spec 5.2). */
const aliasesOfMeter: Readonly<Record<string, readonly string[]>> = {
  codex_spark: ['codex_bengalfox', 'codex_other', 'gpt_5_3_codex_spark'],
};

const meterByAlias: ReadonlyMap<string, string> = new Map(
  Object.entries(aliasesOfMeter).flatMap(([meter, aliases]) => aliases.map((alias) => [alias, meter] as const)),
);

/**
 * A meter's name in one spelling: lower case, words joined by `_`, aliases folded; null when the value names none.
 *
 * @example meterOf('GPT-5.3-Codex-Spark') // 'codex_spark', which is also what limits the model of that name
 */
export function meterOf(value: unknown): string | null {
  const word = wordOf(value)
    ?.toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  return word ? (meterByAlias.get(word) ?? word) : null;
}
