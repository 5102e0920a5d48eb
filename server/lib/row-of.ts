/** The row of a word in a table. A client may send any word, also one that every object knows, like `constructor`. */
export function rowOf<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
