/** What an output itself says about failures: how its program ended, and what its summary counts. */

const exitCode = /^(?:process )?exit(?:ed)?(?: with)?(?: (?:code|status))?:? *(?:-?[1-9]\d*)\b/im;
const counts: readonly RegExp[] = [
  /\b(\d+) +(?:(?:previous|tests?|specs?|suites?|examples?|files?|cases?) +)?(?:fail(?:ed|ures?|ing)?|errors?)\b/gi,
  /\b(?:fail(?:ed|ures?|s)?|errors?) *[:=] *(\d+)\b/gi,
  /^# fail +(\d+)/gim,
];
/** Spaces of one line only: over empty lines it would take the square of their number. */
const bare = /^[ \t]*(?:FAILED|FAIL|FAILURE|BUILD FAILED|BUILD FAILURE|test result: FAILED)\b/m;

/** Did the program that wrote this say that it ended with an error? */
export function failedRun(text: string): boolean {
  return exitCode.test(text);
}

/** How many failures the text itself reports: the largest count in it, at least one when it says that it failed. */
export function reportedFailures(text: string): number {
  let most = failedRun(text) || bare.test(text) ? 1 : 0;
  for (const pattern of counts) {
    for (const [, count] of text.matchAll(pattern)) most = Math.max(most, Number(count));
  }
  return most;
}

/** Does this line count failures? It reports them and is none of them. */
export function isSummary(line: string): boolean {
  return counts.some((pattern) => [...line.matchAll(pattern)].some(([, count]) => Number(count) > 0));
}
