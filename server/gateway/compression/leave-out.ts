/** Leaves lines out of a text and says so in their place, so that a model knows that there was more and can ask for it. */

const marker = (lines: number) => `[gateway: ${lines} ${lines === 1 ? 'line' : 'lines'} left out]`;
const markerLine = /^\[gateway: \d+ lines? left out\]\r?$/m;

/** Has something been left out of it already? Such a text is not shortened again. */
export function hasLinesLeftOut(text: string): boolean {
  return markerLine.test(text);
}

/** The lines that `keeps` holds true for, and a mark for every run of others that is longer than its mark. */
export function leaveOut(lines: readonly string[], keeps: (index: number) => boolean): string {
  const result: string[] = [];
  let run: string[] = [];
  const closeRun = () => {
    const mark = marker(run.length);
    if (run.join('\n').length > mark.length) result.push(mark);
    else result.push(...run);
    run = [];
  };
  lines.forEach((line, index) => {
    if (!keeps(index)) return void run.push(line);
    if (run.length > 0) closeRun();
    result.push(line);
  });
  if (run.length > 0) closeRun();
  return result.join('\n');
}
