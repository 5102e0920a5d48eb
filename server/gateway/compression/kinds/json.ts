/**
 * JSON: a whole document, or documents standing on lines of their own that make up most of the text. Only the spaces
 * between its parts go. Numbers, escapes, duplicate keys and order stay as they were written.
 */
import type { Shorten } from './kind.ts';

/** So many documents of one text are written smaller; any further stay. */
const maxDocuments = 50;
/** A text that is mostly something else (a README with an example in it) is not JSON. */
const leastShare = 0.5;
/** Characters looked at while searching for ends, per character of the text: openings that lead nowhere are bounded. */
const maxEffort = 4;

interface Document {
  readonly start: number;
  readonly end: number;
}

export const shortenJson: Shorten = (text) => {
  const documents = documentsIn(text);
  const size = documents.reduce((sum, { start, end }) => sum + end - start, 0);
  if (documents.length === 0 || size < text.length * leastShare) return null;
  const pieces: string[] = [];
  let position = 0;
  for (const { start, end } of documents) {
    pieces.push(text.slice(position, start), withoutSpaces(text.slice(start, end)));
    position = end;
  }
  pieces.push(text.slice(position));
  return { text: pieces.join('') };
};

/** Objects and arrays that begin where a line begins and end where a line ends. */
function documentsIn(text: string): Document[] {
  const found: Document[] = [];
  let effort = text.length * maxEffort;
  const opening = /^[ \t]*[[{]/gm;
  for (let match = opening.exec(text); match && found.length < maxDocuments && effort > 0; match = opening.exec(text)) {
    const start = opening.lastIndex - 1;
    const end = endOfBrackets(text, start);
    effort -= (end ?? text.length) - start;
    if (end === null || !endsLine(text, end) || !isJson(text.slice(start, end))) continue;
    found.push({ start, end });
    opening.lastIndex = end;
  }
  return found;
}

/** The place after the bracket that closes the one at `start`, strings skipped; null when none does. */
function endOfBrackets(text: string, start: number): number | null {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '"') {
      at = endOfString(text, at);
      if (at === -1) return null;
    } else if (letter === '{' || letter === '[') depth += 1;
    else if (letter === '}' || letter === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}

/** Where the closing quote of the string at `start` stands, or -1. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

function endsLine(text: string, end: number): boolean {
  const rest = /[^ \t\r]|$/g;
  rest.lastIndex = end;
  const next = rest.exec(text)?.[0];
  return next === '' || next === '\n';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Well-formed JSON has spaces nowhere but in strings and between its parts. */
function withoutSpaces(json: string): string {
  return json.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[ \t\r\n]+/g, (part) => (part.startsWith('"') ? part : ''));
}
