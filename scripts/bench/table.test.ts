import { describe, expect, it } from 'vitest';
import { renderMarkdown, renderText } from './table.ts';

const table = {
  title: 'Fruit',
  columns: [
    { title: 'Name', align: 'left' },
    { title: 'n', align: 'right' },
  ],
  rows: [
    ['pear', '7'],
    ['a|b', '1,200'],
  ],
} as const;

describe('a table', () => {
  it('stands in aligned columns on a terminal', () => {
    expect(renderText(table)).toBe(
      ['Fruit', '', 'Name      n', '----  -----', 'pear      7', 'a|b   1,200', ''].join('\n'),
    );
  });

  it('becomes Markdown whose cells cannot break it', () => {
    expect(renderMarkdown(table)).toBe(
      ['| Name |     n |', '| ---- | ----: |', '| pear |     7 |', '| a\\|b | 1,200 |'].join('\n'),
    );
  });

  it('shows an absent cell as empty', () => {
    expect(renderMarkdown({ ...table, rows: [['pear']] }).split('\n')[2]).toBe('| pear |     |');
  });
});
