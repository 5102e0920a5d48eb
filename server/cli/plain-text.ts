/** Words, tables and times as the command line prints them. */

/**
 * Names come from people and from the provider: control characters could move the cursor or repaint the terminal, so
 * they are shown as a mark. Line breaks inside a name go too.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}

/** Left-aligned columns, two spaces apart. The first row is the heading. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => widthOf(row[column]))));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd();
  return `${shown.map(line).join('\n')}\n`;
}

function widthOf(cell: string | undefined): number {
  return [...(cell ?? '')].length;
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** The two largest units: `2 d 4 h`, `3 min`, `45 s`. Seconds are left out beside anything larger. */
export function renderDuration(ms: number): string {
  let seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds >= 60) seconds = Math.round(seconds / 60) * 60;
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(seconds / size);
    if (count === 0) continue;
    parts.push(`${count} ${unit}`);
    seconds -= count * size;
    if (parts.length === 2) break;
  }
  return parts.join(' ') || '0 s';
}

/** `3 h ago`, `in 2 d`, or `never` for null. */
export function renderMoment(at: Date | null, now: Date): string {
  if (at === null) return 'never';
  const ms = at.getTime() - now.getTime();
  return ms > 0 ? `in ${renderDuration(ms)}` : `${renderDuration(-ms)} ago`;
}

/** `512 B`, `3.4 MB`, in steps of 1024. */
export function renderBytes(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < names.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${names[step]}`;
}

/** `1 model`, `12 models`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
