/** Which tools' outputs may be shortened. A tool that may not keeps its outputs byte for byte. */
import type { OutputSkip } from '../../contract/vocabulary.ts';

export interface ToolCall {
  readonly name: string;
  /** `functions` or absent for the client's own tools; others are servers the client is connected to. */
  readonly namespace: string | null;
}

/** Reading and editing tools: what they say is quoted back letter by letter. */
const protectedNames = new Set([
  'Read',
  'Glob',
  'Grep',
  'Write',
  'Edit',
  'WebSearch',
  'WebFetch',
  'read',
  'glob',
  'grep',
  'write',
  'edit',
  'web_search',
  'web_fetch',
]);

/** A tool with such a word in its name gets things from elsewhere, and they may never be had again. */
const retrievalWords = new Set([
  'browse',
  'browser',
  'crawl',
  'fetch',
  'http',
  'mcp',
  'retrieval',
  'retrieve',
  'scrape',
  'search',
  'url',
  'web',
]);

/** @returns null when its outputs may be shortened. */
export function skipOfTool(call: ToolCall | null, schemaBound: ReadonlySet<string>): OutputSkip | null {
  if (!call) return 'unknown_tool';
  const { name, namespace } = call;
  if (namespace !== null && namespace !== 'functions') return 'protected_tool';
  const ownName = name.split(/__|[./:]/).at(-1) ?? '';
  if (protectedNames.has(name) || protectedNames.has(ownName)) return 'protected_tool';
  if (wordsOf(name).some((word) => retrievalWords.has(word))) return 'protected_tool';
  return schemaBound.has(name) ? 'schema_bound' : null;
}

/** @example wordsOf('mcp__docs.fetchPage') // ['mcp', 'docs', 'fetch', 'page'] */
function wordsOf(name: string): string[] {
  return name
    .split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}
