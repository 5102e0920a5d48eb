import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventTypeOf } from '../../lib/event-type.ts';
import { dataOf } from './read-block.ts';
import { createSseBlocks, SseBlockTooLarge } from './sse-blocks.ts';

const lineEnds = fc.constantFrom('\n', '\r\n', '\r');
const event = fc.record({
  type: fc.constantFrom('response.created', 'response.output_text.delta', 'keepalive'),
  delta: fc.string({ unit: 'grapheme' }),
});

describe('cutting a stream into blocks', () => {
  it('gives the same events however the bytes are split, and loses no byte', () => {
    fc.assert(
      fc.property(
        fc.array(event),
        lineEnds,
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (events, eol, sizes) => {
          const text = events
            .map((each) => `event: ${each.type}${eol}data: ${JSON.stringify(each)}${eol}${eol}`)
            .join('');
          const bytes = Buffer.from(text);
          const { blocks, rest } = cut(bytes, sizes);
          expect(Buffer.concat([...blocks, rest]).equals(bytes)).toBe(true);
          const data = blocks.map((block) => dataOf(block)?.toString()).filter((each) => each !== undefined);
          expect(data.map((each) => JSON.parse(each) as unknown)).toEqual(events);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('splits at every single byte of a nasty but legal stream with the same result', () => {
    const bytes = Buffer.from(
      '\uFEFF: comment\r\n\r\nretry: 1000\r\n\r\nevent: response.created\r\ndata: {"type":"response.created",\r\ndata: "response":{"id":"resp_w"}}\r\n\r\n' +
        'id: 7\ndata:{"type":"response.output_text.delta","delta":"😀"}\n\ndata: [DONE]\r\rdata: {"type":"late"}',
    );
    const whole = types(cut(bytes, [bytes.length]).blocks);
    expect(whole).toEqual([null, null, 'response.created', 'response.output_text.delta', null]);
    for (let at = 1; at < bytes.length; at += 1) {
      const { blocks, rest } = cut(bytes, [at, bytes.length]);
      expect(types(blocks).filter(Boolean), `split at ${at}`).toEqual(whole.filter(Boolean));
      expect(Buffer.concat([...blocks, rest]).equals(bytes)).toBe(true);
      expect(eventTypeOf(dataOf(rest))).toBe('late');
    }
  });

  it('accepts a block of exactly its limit and refuses one byte more', () => {
    expect(createSseBlocks(10).push(Buffer.from('0123456789'))).toEqual([]);
    expect(() => createSseBlocks(10).push(Buffer.from('0123456789a'))).toThrow(SseBlockTooLarge);
    expect(createSseBlocks(10).push(Buffer.from('012345678\n\n'))).toHaveLength(1);
  });

  it.each([
    'event: response.completed\n',
    'data: {"type":"response.output_item.done"',
    'data: {"type": "response.image_generation_call.partial_image", ',
  ])('accepts more of those that hold images and ends: %s', (start) => {
    const blocks = createSseBlocks(100, 200);
    for (const byte of Buffer.from(start.padEnd(200, ' '))) expect(blocks.push(Buffer.from([byte]))).toEqual([]);
    expect(() => blocks.push(Buffer.from(' '))).toThrow(SseBlockTooLarge);
  });

  it('accepts no more of others, whatever their text speaks of', () => {
    const text = `data: {"type":"response.output_text.delta","delta":"${'x'.repeat(300)}response.completed"`;
    expect(() => createSseBlocks(100, 1000).push(Buffer.from(text))).toThrow(SseBlockTooLarge);
  });
});

describe('reading a block', () => {
  it('finds the type where it is not the first member, and goes by the JSON where the event line differs', () => {
    expect(eventTypeOf(dataOf(Buffer.from('event: x\ndata: {"sequence_number":1,"type":"response.failed"}\n\n')))).toBe(
      'response.failed',
    );
  });

  it('takes junk, arrays and nothing as carrying no type', () => {
    for (const data of ['{"type":', '[1]', 'hello', '{"type":5}', '{}'])
      expect(eventTypeOf(Buffer.from(data)), data).toBeNull();
    expect(dataOf(Buffer.from(': only a comment\n\n'))).toBeNull();
    expect(dataOf(Buffer.from('data\n\n'))?.length).toBe(0);
    expect(dataOf(Buffer.from('database: no\n\n'))).toBeNull();
  });
});

function types(blocks: Buffer[]): (string | null)[] {
  return blocks.map((block) => eventTypeOf(dataOf(block)));
}

function cut(bytes: Buffer, sizes: Iterable<number>): { blocks: Buffer[]; rest: Buffer } {
  const reader = createSseBlocks();
  const blocks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    blocks.push(...reader.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return { blocks, rest: reader.rest() };
}
