/** What single lines of build, test and program logs look like. */
import { isSummary } from '../reported-failures.ts';

/** Colours and other control sequences of terminals. */
const controlSequence = /\p{Cc}\[[\d;?]*[A-Za-z]/gu;

/** A line is judged by its ends: what matters stands there, and no pattern meets more than this at once. */
const judgedStart = 300;
const judgedEnd = 100;

/**
 * A line as it reads, without colours and the carriage return of Windows; of a long line only its ends, and between them
 * the word that tells of a failure in its middle.
 */
export function plainLine(line: string): string {
  const ends = line.length <= judgedStart + judgedEnd ? line : endsOf(line);
  return ends.replaceAll(controlSequence, '').replace(/\r$/, '');
}

function endsOf(line: string): string {
  const middle = line.slice(judgedStart, -judgedEnd).replaceAll(controlSequence, '').replaceAll(nothingWrong, '');
  const told = failure.exec(middle)?.[0] ?? '';
  return `${line.slice(0, judgedStart)} … ${told && `${told} … `}${line.slice(-judgedEnd)}`;
}

const passing: readonly RegExp[] = [
  /^\s*(?:✓|✔|√|PASS\b|PASSED\b|OK\b|ok\b|--- PASS\b|=== (?:RUN|CONT|PAUSE)\b|\[ +OK +\]|\[ RUN +\])/u,
  /^test .+ \.\.\. (?:ok|ignored)\b/,
  /\bPASSED(?:\s+\[ *\d+%\])?\s*$/,
];

const logLines: readonly RegExp[] = [
  // a time first, bare or in brackets
  /^\s*\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d/,
  /^\s*\[?\d\d:\d\d:\d\d\b/,
  // a level first
  /^\s*\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b[\]: ]/,
  /^\s*(?:error|warning|note|info)(?:\[\w+\])?:/i,
  // package managers and build tools
  /^\s*(?:Compiling|Downloading|Downloaded|Checking|Building|Built|Fetching|Fetched|Installing|Installed|Linking|Bundling|Finished|Updating|Locking|Adding|Resolving|Unpacking|Preparing|Setting up|Selecting|Collecting|Requirement already|Using cached|Generating|Transforming|Copying|Processing|Running|Verifying|Packaging)\b/,
  /^\s*(?:npm|yarn|pnpm|bun) (?:warn|WARN|error|ERR!|notice|info|http)\b/,
  /^\s*(?:Get|Hit|Ign|Err):\d/,
  /^\s*\[ *\d+ *(?:%|\/ *\d+)\s*\]/,
  /^#\d+ /,
  /^> (?:Task|Configure) :/,
  /^(?:make|ninja|gmake)(?:\[\d+\])?:/,
  /^\s*(?:cc|gcc|g\+\+|clang|clang\+\+|c\+\+|ld|ar|ranlib|rustc|javac|go) +-?\w/,
  /^\s*(?:CC|CXX|LD|AR|GEN|HOSTCC|INSTALL) +\S+/,
  // test runners
  /^(?:test|tests|\S+[./]\S*).*(?:PASSED|FAILED|SKIPPED|XFAIL|ok|FAILED|ignored)(?:\s+\[ *\d+%\])?\s*$/,
  /^\S+\.py [.FEsx]+/,
];

const beginnings =
  /^\s*(?:FAIL\b|FAILED\b|FAILURE\b|not ok\b|--- FAIL\b|✗|✘|×|✖|●|\[ +FAILED +\]|_{3,} .+ _{3,}|(?:=|-){3,} \S.* (?:=|-){3,} FAIL|E {3,}|thread '.*' .*panicked|panic:|\d+\) \S|Traceback\b|(?:fatal )?error(?:\[\w+\])?[: ]|\[?ERROR\b|.+\berror(?: \w+)?:|.+\bFAILED\b)/iu;
const nothingWrong =
  /\b(?:0|no) +(?:\w+ +)?(?:errors?|warnings?|fail\w*|problems?)\b|\b(?:errors?|warnings?|fail\w*)\s*[:=] *0\b/gi;
/** Words, levels as loggers shorten them, codes of the system and of exits; `_` and digits may stand beside a word. */
const failure =
  /(?<![A-Za-z])(?:errors?|err|erro|fata|ftl|severe|crit(?:ical)?|emerg(?:ency)?|fatal|panic\w*|exceptions?|traceback|fail(?:ed|ure|ures|ing|s)?|denied|cannot|can't|unable|undefined reference|segmentation fault|aborted|killed|timed? ?out|not found|conflict|refused|rejected|invalid|missing|no such|crash(?:ed|es)?|corrupt\w*|unexpected|unresolved|mismatch\w*|violat\w+|caused by|out of memory|core dumped|exit(?:ed)?(?: with)?(?: (?:code|status))?:? [1-9]\d*)(?![A-Za-z])|\w(?:Error|Exception)\b|^\s*(?:✗|✘|×|✖|●|not ok\b)/iu;
const warning = /\b(?:warn(?:ing)?s?|deprecated|vulnerabilit\w+)\b/i;

export const isPassing = (line: string): boolean => passing.some((pattern) => pattern.test(line));
export const isLogLine = (line: string): boolean => isPassing(line) || logLines.some((pattern) => pattern.test(line));
export const isWarning = (line: string): boolean => warning.test(line.replaceAll(nothingWrong, ''));
/** Does it speak of something that went wrong? */
export const isFailure = (line: string): boolean => failure.test(line.replaceAll(nothingWrong, ''));
/** Does a failure begin here: a failed test, a panic, an error of a compiler? */
export const beginsFailure = (line: string): boolean =>
  beginnings.test(line.replaceAll(nothingWrong, '')) && !isPassing(line) && !isSummary(line);
