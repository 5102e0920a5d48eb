/** THE list of kinds of tool output, in the order in which they are looked for: the first that knows a text has it. */
import type { OutputKind, OutputSkip } from '../../../contract/vocabulary.ts';
import { shortenDiff } from './diff.ts';
import { keepHtml } from './html.ts';
import { shortenJson } from './json.ts';
import type { Shorten } from './kind.ts';
import { shortenLog } from './log.ts';
import { shortenSearch } from './search.ts';

/** JSON comes after diffs and matches: what stands in those must not be mistaken for a document of its own. */
const kinds: readonly { readonly name: OutputKind; readonly shorten: Shorten }[] = [
  { name: 'html', shorten: keepHtml },
  { name: 'diff', shorten: shortenDiff },
  { name: 'search', shorten: shortenSearch },
  { name: 'json', shorten: shortenJson },
  { name: 'log', shorten: shortenLog },
];

/** One step. Source, prose and whatever else no kind knows stay as they are. */
export function shortenByKind(
  text: string,
): { readonly kind: OutputKind; readonly text: string } | { readonly skip: OutputSkip } {
  for (const { name, shorten } of kinds) {
    const shortening = shorten(text);
    if (shortening) return 'skip' in shortening ? shortening : { kind: name, text: shortening.text };
  }
  return { skip: 'no_kind' };
}

/** The step of a kind that the text is known to be of. @throws Error when it is not. */
export function shortenAs(kind: OutputKind, text: string): string {
  const shortening = kinds.find(({ name }) => name === kind)?.shorten(text);
  if (!shortening || 'skip' in shortening) throw new Error(`an output was of the kind ${kind} before and is not now`);
  return shortening.text;
}
