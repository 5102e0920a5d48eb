/** Tables once, shown twice: aligned on a terminal, and as Markdown for the page. */

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  /** One text per column. */
  readonly rows: readonly (readonly string[])[];
}

export interface Column {
  readonly title: string;
  /** Texts stand left, numbers right. */
  readonly align: 'left' | 'right';
}

/** The table in columns of spaces, for people at a terminal. */
export function renderText({ title, columns, rows }: Table): string {
  const widths = widthsOf({ columns, rows });
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => padded(cells[index] ?? '', { align, width: widths[index] ?? 0 }))
      .join('  ')
      .trimEnd();
  const ruler = columns.map((_, index) => '-'.repeat(widths[index] ?? 0)).join('  ');
  return [title, '', line(columns.map((column) => column.title)), ruler, ...rows.map(line), ''].join('\n');
}

/** The table as Markdown (GitHub's flavour), padded so that the source reads as well as the page. */
export function renderMarkdown({ columns, rows }: Omit<Table, 'title'>): string {
  const safe = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = widthsOf({ columns, rows: safe }).map((width) => Math.max(3, width));
  const line = (cells: readonly string[]) =>
    `| ${columns.map(({ align }, index) => padded(cells[index] ?? '', { align, width: widths[index] ?? 0 })).join(' | ')} |`;
  const ruler = columns.map(({ align }, index) => {
    const dashes = '-'.repeat((widths[index] ?? 0) - (align === 'right' ? 1 : 0));
    return align === 'right' ? `${dashes}:` : dashes;
  });
  return [line(columns.map((column) => column.title)), `| ${ruler.join(' | ')} |`, ...safe.map(line)].join('\n');
}

function widthsOf({ columns, rows }: Pick<Table, 'columns' | 'rows'>): number[] {
  return columns.map(({ title }, index) => Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)));
}

function padded(text: string, { align, width }: { align: Column['align']; width: number }): string {
  return align === 'left' ? text.padEnd(width) : text.padStart(width);
}
