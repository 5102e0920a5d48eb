import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readAheadBytes, readChunks } from './read-chunks.ts';

const toFault = (error: unknown) => new Error('broken', { cause: error });

describe('reading a stream in chunks', () => {
  it('joins what came since the last look, and loses nothing', async () => {
    const stream = new PassThrough();
    const chunks = readChunks(stream, { toFault });
    for (const piece of ['a', 'b', 'c']) stream.write(piece);
    await new Promise(setImmediate);
    expect((await chunks.next()).value?.toString()).toBe('abc');
    const later = chunks.next();
    stream.end('d');
    expect((await later).value?.toString()).toBe('d');
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  it('makes the writer wait when nobody reads', async () => {
    const stream = new PassThrough({ highWaterMark: 1024 });
    const chunks = readChunks(stream, { toFault });
    let written = 0;
    while (written < 10 * readAheadBytes) {
      written += 1024;
      if (!stream.write(Buffer.alloc(1024))) await new Promise(setImmediate);
      if (stream.writableNeedDrain) break;
    }
    expect(written).toBeLessThan(3 * readAheadBytes);
    let read = (await chunks.next()).value?.length ?? 0;
    stream.end();
    for (;;) {
      const { done, value } = await chunks.next();
      if (done) break;
      read += value.length;
    }
    expect(read).toBe(written);
  });

  it('gives what arrived before it tells that the stream broke', async () => {
    const stream = new PassThrough();
    const chunks = readChunks(stream, { toFault });
    stream.write('last words');
    await new Promise(setImmediate);
    stream.destroy(new Error('reset'));
    expect((await chunks.next()).value?.toString()).toBe('last words');
    await expect(chunks.next()).rejects.toThrow('broken');
  });

  it('tells of a stream that was closed without an end', async () => {
    const stream = new PassThrough();
    const chunks = readChunks(stream, { toFault });
    const waiting = chunks.next();
    stream.destroy();
    await expect(waiting).rejects.toThrow('broken');
  });

  it('gives the stream up when its reader leaves', async () => {
    const stream = new PassThrough();
    stream.write('a');
    for await (const chunk of readChunks(stream, { toFault })) {
      expect(chunk.toString()).toBe('a');
      break;
    }
    expect(stream.destroyed).toBe(true);
  });
});
