/** Pages. They are known so that nothing inside one is taken for something else; nothing of them is left out. */
import type { Shorten } from './kind.ts';

/** Only spaces of the same line: one that runs over empty lines takes the square of their number. */
const page = /^[ \t]*<(?:!doctype\s+html|html|head|body)\b/im;

export const keepHtml: Shorten = (text) => (page.test(text) ? { skip: 'no_kind' } : null);
