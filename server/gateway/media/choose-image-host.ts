/** Which model of the Pool is made to draw: whoever asks for an image names only the model that draws. Pure. */
import type { CatalogEntry } from '../../catalog/split-catalog.ts';
import type { ServingMode } from '../../contract/vocabulary.ts';
import { servingFacts } from '../public/choose-for-public.ts';
import type { ImageHost } from '../dialects/openai-images/ask-for-image.ts';

/** The first that is listed; one that takes the name of a tool before one that only takes "some tool". */
export function chooseImageHost(
  entries: readonly CatalogEntry[],
  servingModeOf: (model: string) => ServingMode,
): ImageHost | null {
  const hosts = entries.flatMap(({ slug }) => {
    const { isHidden, isLite } = servingFacts(entries, slug);
    const mode = servingModeOf(slug);
    return isHidden ? [] : [{ model: slug, isLite: mode === 'auto' ? isLite : mode === 'lite' }];
  });
  return hosts.find(({ isLite }) => !isLite) ?? hosts[0] ?? null;
}
