/** Tool names longer than the provider accepts are shortened on the way out and given back on the way in (v1 spec 3.5). */

/** The provider's longest tool name. */
export const longestToolName = 64;

export interface ToolNames {
  /** The name the provider knows the tool by; the same for the same name. */
  shorten(name: string): string;
  /** The client's own name. */
  restore(name: string): string;
}

/** @param declared - Every name of the request, so that a shortened one never meets another tool's. */
export function createToolNames(declared: readonly string[]): ToolNames {
  const taken = new Set(declared.filter((name) => name.length <= longestToolName));
  const short = new Map<string, string>();
  const long = new Map<string, string>();
  function shorten(name: string): string {
    const known = name.length <= longestToolName ? name : short.get(name);
    if (known !== undefined) return known;
    const shortened = unique(cut(name, longestToolName), taken);
    taken.add(shortened);
    short.set(name, shortened);
    long.set(shortened, name);
    return shortened;
  }

  // A conversation may also hold calls of tools that its request declares no more: they come after these.
  for (const name of declared) shorten(name);
  return { shorten, restore: (name) => long.get(name) ?? name };
}

/** `mcp__server__tool` keeps its first and last part, which tell most. */
function cut(name: string, length: number): string {
  const last = name.startsWith('mcp__') ? name.lastIndexOf('__') : -1;
  const named = last > 'mcp__'.length ? `mcp__${name.slice(last + 2)}` : name;
  return named.slice(0, length);
}

function unique(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1, candidate = name; ; number += 1) {
    if (!taken.has(candidate)) return candidate;
    const suffix = `_${number}`;
    candidate = name.slice(0, longestToolName - suffix.length) + suffix;
  }
}
