import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../../lib/json-spans.ts';
import { fileIdsIn } from './read-file-ids.ts';

function filesOf(value: unknown, indent?: number) {
  const body = Buffer.from(JSON.stringify(value, null, indent));
  return fileIdsIn(
    body,
    scanObject(body).find(({ key }) => key === 'input'),
  );
}

describe('the files of a request', () => {
  it.each([
    [[{ type: 'input_file', file_id: 'file_1' }], ['file_1']],
    [[{ type: 'input_image', image_url: 'sediment://file-2' }], ['file-2']],
    [
      [{ content: [{ file_id: 'file_1' }, { file_id: 'file_1' }, { image_url: 'sediment://file_3' }] }],
      ['file_1', 'file_3'],
    ],
    ['plain words', []],
    [[{ type: 'input_text', text: 'a "file_id": "file_1" and "sediment://file_2"' }], []],
    [[{ parameters: { properties: { file_id: { type: 'string' } } } }], []],
    [[{ file_id: '../../etc' }, { file_id: 7 }, { file_id: '' }], []],
  ])('in %j are %j', (input, expected) => {
    expect(filesOf({ input })).toEqual(expected);
    expect(filesOf({ input }, 2)).toEqual(expected);
  });

  it('are those that stand there, whatever is written around them', () => {
    const id = fc.stringMatching(/^file[-_][A-Za-z0-9]{1,24}$/);
    fc.assert(
      fc.property(fc.uniqueArray(id, { maxLength: 8 }), fc.string(), (ids, text) => {
        const parts = ids.flatMap((each) => [{ text }, { type: 'input_file', file_id: each }]);
        expect(filesOf({ text, input: [{ content: parts }] })).toEqual(ids);
      }),
    );
  });

  it('are at most a hundred', () => {
    expect(filesOf({ input: Array.from({ length: 200 }, (_, n) => ({ file_id: `file_${n}` })) })).toHaveLength(100);
  });
});
