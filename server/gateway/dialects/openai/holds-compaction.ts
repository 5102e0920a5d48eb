/** What a conversation that was shortened is known by: an item of its own, whose content only its account can read. */
import { listOf, recordOf, textOf, type JsonRecord } from '../../../lib/json-values.ts';

/** @param output - The items of an answer. */
export function holdsCompaction(output: unknown): boolean {
  return listOf(output).some((item) => isCompaction(recordOf(item)));
}

function isCompaction({ type, encrypted_content: content }: JsonRecord): boolean {
  return textOf(type).startsWith('compaction') && textOf(content).trim() !== '';
}
