import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counted, printable, renderBytes, renderDuration, renderMoment, renderTable } from './plain-text.ts';

describe('a table', () => {
  it('aligns its columns and leaves no blanks at the ends of lines', () => {
    expect(
      renderTable([
        ['NAME', 'STATE'],
        ['laptop', 'Active'],
        ['ci', ''],
      ]),
    ).toBe('NAME    STATE\nlaptop  Active\nci\n');
  });

  it('shows a name that holds terminal codes without obeying them', () => {
    expect(renderTable([['NAME'], ['a\u001b[2Jb\nc']])).toBe('NAME\na�[2Jb�c\n');
  });

  it('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u202e\u2028]/u);
      }),
    );
  });
});

describe('times', () => {
  it('are told in the two largest units', () => {
    expect(renderDuration(45_400)).toBe('45 s');
    expect(renderDuration(3 * 60_000 + 20_000)).toBe('3 min');
    expect(renderDuration(3_600_000 * 5 - 1)).toBe('5 h');
    expect(renderDuration(86_400_000 * 2 + 3_600_000 * 4 + 60_000)).toBe('2 d 4 h');
    expect(renderDuration(-1)).toBe('0 s');
  });

  it('are told as seen from now', () => {
    const now = new Date('2026-11-23T12:00:00Z');
    expect(renderMoment(new Date('2026-11-23T13:30:00Z'), now)).toBe('in 1 h 30 min');
    expect(renderMoment(new Date('2026-11-22T12:00:00Z'), now)).toBe('1 d ago');
    expect(renderMoment(null, now)).toBe('never');
  });
});

it('tells sizes and counts', () => {
  expect([512, 2048, 5.25 * 2 ** 20, 300 * 2 ** 30].map(renderBytes)).toEqual(['512 B', '2.0 kB', '5.3 MB', '300 GB']);
  expect([counted(1, 'model'), counted(0, 'model')]).toEqual(['1 model', '0 models']);
});
