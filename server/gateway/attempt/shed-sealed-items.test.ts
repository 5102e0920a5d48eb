import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sealedItemsIn, withoutItems } from './shed-sealed-items.ts';

const sealed = (content: string) => ({ type: 'reasoning', id: 'rs', summary: [], encrypted_content: content });
const message = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'encrypted_content' }] };

function bodyOf(input: unknown, space?: number): Buffer {
  return Buffer.from(JSON.stringify({ model: 'm', input, tail: 'é' }, null, space));
}

describe('sealed items', () => {
  it('are those whose content an account encrypted, with their place', () => {
    const input = [message, sealed('a'), { type: 'agent_message', encrypted_content: 'b' }, message];
    expect(sealedItemsIn(bodyOf(input))).toEqual([
      { index: 1, encryptedContent: 'a' },
      { index: 2, encryptedContent: 'b' },
    ]);
  });

  it.each([
    ['a compaction', { type: 'compaction', id: 'c', encrypted_content: 'x' }],
    ['an older compaction', { type: 'compaction_summary', encrypted_content: 'x' }],
    ['a call', { type: 'function_call', call_id: 'c', encrypted_content: 'x' }],
    ['the output of a call', { type: 'function_call_output', call_id: 'c', encrypted_content: 'x' }],
    ['reasoning without content', { type: 'reasoning', encrypted_content: null }],
    ['reasoning with an empty content', { type: 'reasoning', encrypted_content: '' }],
    ['something without a type', { encrypted_content: 'x' }],
    ['a message that speaks of it', message],
    ['a text', 'encrypted_content'],
  ])('do not count %s', (_name, item) => {
    expect(sealedItemsIn(bodyOf([item]))).toEqual([]);
  });

  it('are none where the input is no list', () => {
    for (const input of ['encrypted_content', { encrypted_content: 'x' }, null])
      expect(sealedItemsIn(bodyOf(input))).toEqual([]);
    expect(sealedItemsIn(Buffer.from('{"encrypted_content":"x"}'))).toEqual([]);
  });
});

describe('leaving items out', () => {
  const anyItem = fc.oneof(
    fc.string().map((text) => ({ ...message, text })),
    fc.string({ minLength: 1 }).map(sealed),
    fc.jsonValue(),
  );

  it('leaves exactly these out, and every other byte as it was, however it is spaced', () => {
    fc.assert(
      fc.property(
        fc.array(anyItem, { maxLength: 8 }),
        fc.infiniteStream(fc.boolean()),
        fc.constantFrom(undefined, 2),
        (items, chance, space) => {
          const body = bodyOf(items, space);
          const indexes = new Set(items.flatMap((_item, index) => (chance.next().value ? [index] : [])));
          const shed = withoutItems(body, indexes);
          const kept = items.filter((_item, index) => !indexes.has(index));
          expect(JSON.parse(shed.toString())).toEqual(JSON.parse(bodyOf(kept).toString()));
          // Byte for byte, wherever something is kept or nothing was spaced.
          if (kept.length > 0 || space === undefined) expect(shed).toEqual(bodyOf(kept, space));
          if (indexes.size === 0) expect(shed).toBe(body);
        },
      ),
    );
  });

  it('leaves nothing sealed in, but for what its account can open', () => {
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 8 }), (items) => {
        const body = bodyOf(items);
        const indexes = new Set(sealedItemsIn(body).map(({ index }) => index));
        expect(sealedItemsIn(withoutItems(body, indexes))).toEqual([]);
      }),
    );
  });
});
