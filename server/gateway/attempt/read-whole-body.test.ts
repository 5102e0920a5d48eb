import { describe, expect, it } from 'vitest';
import { handFedAnswer, wholeAnswer } from '../../../test/support/streams.ts';
import { readBodyStart, readWholeBody } from './read-whole-body.ts';

const pieces = [Buffer.from('abc'), Buffer.from('def'), Buffer.from('g')];

describe('a whole body', () => {
  it('is read up to its bound and not a byte further', async () => {
    expect(String(await readWholeBody(wholeAnswer(pieces), 7))).toBe('abcdefg');
    const tooLarge = wholeAnswer(pieces);
    expect(await readWholeBody(tooLarge, 6)).toBeNull();
    expect(tooLarge.isCancelled).toBe(true);
  });

  it('may be empty', async () => {
    expect(await readWholeBody(wholeAnswer([]), 0)).toHaveLength(0);
  });
});

describe('the start of a body', () => {
  it('is cut at the bound, and the rest is given up', async () => {
    const answer = handFedAnswer();
    for (const piece of pieces) answer.send(piece);
    expect(String(await readBodyStart(answer, 4))).toBe('abcd');
    expect(answer.isCancelled).toBe(true);
  });

  it('is the whole body when that is shorter', async () => {
    expect(String(await readBodyStart(wholeAnswer(pieces), 100))).toBe('abcdefg');
  });
});
