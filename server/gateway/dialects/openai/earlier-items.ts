/** The items of an input that were read so far, and what later ones ask of them. */
import type { JsonRecord } from '../../../lib/json-values.ts';

/** What is asked of them. Each output asks, so nothing here looks through a conversation. */
export interface EarlierItems {
  readonly last: JsonRecord | undefined;
  /** Whether a custom tool was called by this id. */
  isCustomCall(callId: string): boolean;
}

export interface GrowingItems extends EarlierItems {
  /** As they go to the provider. */
  readonly items: JsonRecord[];
  add(items: readonly JsonRecord[]): void;
}

export function createGrowingItems(): GrowingItems {
  const items: JsonRecord[] = [];
  const customCalls = new Set<unknown>();
  return {
    items,
    add(more) {
      for (const item of more) {
        items.push(item);
        if (item['type'] === 'custom_tool_call') customCalls.add(item['call_id']);
      }
    },
    get last() {
      return items.at(-1);
    },
    isCustomCall: (callId) => customCalls.has(callId),
  };
}
