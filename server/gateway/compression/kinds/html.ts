/** Pages. They are known so that nothing inside one is taken for something else; nothing of them is left out. */
import type { Shorten } from './kind.ts';

const page = /^\s*<(?:!doctype\s+html|html|head|body)\b/im;

export const keepHtml: Shorten = (text) => (page.test(text) ? { skip: 'no_kind' } : null);
