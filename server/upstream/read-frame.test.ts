import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseBlocks } from '../gateway/stream/sse-blocks.ts';
import { dataOf } from '../gateway/stream/read-block.ts';
import { blockOf, failureBlock, readFrame, readRefusal } from './read-frame.ts';

const frameOf = (text: string) => readFrame(Buffer.from(text));

describe('a frame', () => {
  it.each(['', 'this is not JSON', '[1]', '{"a":1}', '{"type":5}', '"type"'])('is none when it is %j', (text) => {
    expect(frameOf(text)).toBeNull();
  });

  it.each([
    ['{"type":"response.created","response":{"id":"r1"}}', 'r1'],
    ['{"response":{"output":[{"id":"i"}],"id":"r1"},"type":"response.completed"}', 'r1'],
    ['{"type":"response.completed","response":{"id":""}}', null],
    ['{"type":"response.completed","response":null}', null],
    ['{"type":"response.completed"}', null],
    ['{"type":"response.completed","response":{"id":"r1"', null],
    ['{"type":"response.output_item.done","response":{"id":"r1"}}', null],
  ])('%s speaks of the answer %j', (text, id) => {
    expect(frameOf(text)?.responseId).toBe(id);
  });

  it('of any JSON is one whole block whose data reads the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2, '\t'), (rest, space) => {
        const text = JSON.stringify({ type: 'x.y', ...rest, z: 'ä' }, null, space);
        for (const data of [text, text.replaceAll('\n', '\r\n'), text.replaceAll('\n', '\r')]) {
          const block = blockOf({ type: 'x.y', data: Buffer.from(data) });
          const blocks = createSseBlocks().push(block);
          expect(blocks).toEqual([block]);
          expect(JSON.parse(String(dataOf(block)))).toEqual(JSON.parse(text));
        }
      }),
    );
  });

  it('without line ends keeps its very bytes', () => {
    const text = '{ "type":"x", "n":1.0 }';
    expect(String(blockOf({ type: 'x', data: Buffer.from(text) }))).toBe(`event: x\ndata: ${text}\n\n`);
  });
});

describe('a refusal', () => {
  it('keeps nothing that is no plain header, and no status that is none', () => {
    const frame = frameOf('{"type":"error","status":200,"headers":{"A":"1","b":2,"c":{},"d":null},"error":"text"}');
    const refusal = frame && readRefusal(frame);
    expect(refusal?.status).toBe(500);
    expect(Object.fromEntries(refusal?.headers ?? [])).toEqual({ a: '1', b: '2', 'content-type': 'application/json' });
    expect(String(refusal?.body)).toBe('{"error":"text"}');
  });

  it('is read from any error frame, and told as a failure with a code', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.option(fc.jsonValue()), (rest, error) => {
        const frame = frameOf(JSON.stringify({ ...rest, type: 'error', error }));
        if (!frame) throw new Error('no frame');
        const { status } = readRefusal(frame);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(600);
        const event = JSON.parse(String(dataOf(failureBlock(frame, 'r1')))) as {
          response: { error: { code: string } };
        };
        expect(event).toMatchObject({ type: 'response.failed', response: { id: 'r1', status: 'failed' } });
        expect(event.response.error.code).not.toBe('');
      }),
    );
  });
});
