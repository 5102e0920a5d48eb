/** What the file of each kind of tool output offers: it knows its kind, and how to make it shorter. */
import type { OutputSkip } from '../../../contract/vocabulary.ts';

/** The smaller text, or why a text of this kind stays as it is. */
export type Shortening = { readonly text: string } | { readonly skip: OutputSkip };

/** @returns null when the text is not of this kind. Depends on nothing but the text. */
export type Shorten = (text: string) => Shortening | null;
