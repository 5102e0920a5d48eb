/** `docs/performance.md`: written by the benchmark, but for one section that people write and that it keeps. */
import { poolSize } from './choice.ts';
import { perSecond, percent } from './number-texts.ts';
import { tablesOf } from './report.ts';
import type { Results } from './results.ts';
import { openStreams } from './scenarios.ts';
import { renderMarkdown } from './table.ts';

const handBegin = '<!-- Kept by hand: begin. `npm run bench` rewrites everything outside these two lines. -->';
const handEnd = '<!-- Kept by hand: end -->';
const handPattern = /<!-- Kept by hand: begin\b[^\n]*-->\n([\s\S]*?)<!-- Kept by hand: end -->/;
const firstHand = '\nNothing has been written here yet.\n\n';

/**
 * The whole page.
 *
 * @param before - The page as it stands, for the section kept by hand; null when there is none yet.
 * @throws Error when the page stands there without that section: somebody's words would be lost.
 */
export function renderPage(results: Results, before: string | null): string {
  const { machine, finishedAt, rounds, othersShare } = results;
  const tables = tablesOf(results).flatMap((table) => [`### ${table.title}`, '', renderMarkdown(table), '']);
  return [
    '# Performance',
    '',
    'What Codex Pooler costs, measured against the least that a gateway in Node can do. `npm run bench` makes this page;',
    '`npm run bench -- --quick` only prints it, after a short run whose numbers mean little.',
    '',
    `- **When:** ${finishedAt.toISOString().slice(0, 10)}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    `- **Machine:** ${machine.processor}, ${perSecond(machine.cores)} cores, ${machine.memoryGb} GB, ${machine.platform}`,
    `- **Node:** ${machine.node}`,
    `- **Other programs** used ${percent(othersShare)} of the machine meanwhile.`,
    '',
    '## Results',
    '',
    ...tables,
    ...howMeasured,
    '## What costs what',
    '',
    `${handBegin}\n${handOf(before)}${handEnd}`,
    '',
  ].join('\n');
}

function handOf(before: string | null): string {
  if (before === null) return firstHand;
  const kept = handPattern.exec(before)?.[1];
  if (kept === undefined) throw new Error('the page has lost the marks around the section that is kept by hand');
  return kept;
}

const howMeasured = [
  '## How it is measured',
  '',
  'Everything runs on one machine over loopback: the sandbox provider, the load, and in front of the same sandbox, each as',
  'a process of its own, a bare `node:http` pipe, a bare Koa and undici pipe, and Codex Pooler as users start it, with its',
  'Postgres and its default log. In every round each scenario meets each of them, in an order that turns with the round.',
  'Ratios are taken within a round, and the median of the rounds is shown: use them, not the absolute numbers.',
  '',
  '- **Added** is the time through a target minus the time directly to the sandbox, per percentile.',
  '- **Small JSON** is a compaction call, the smallest request with a JSON answer that is forwarded. For Codex Pooler it',
  '  also stores which account made the compaction.',
  '- **60 events** is a Codex request of 12,000 or 200,000 bytes answered by 60 events as fast as the sandbox can, each in',
  '  a packet of its own. First bytes are measured one request at a time, throughput and processor time with 32 at once.',
  `- **${openStreams} paced streams** are ${openStreams} streams of 20 pieces, 40 ms apart, started over 0.8 s and started anew when they end.`,
  '  The pace bounds their throughput; their first bytes are measured while all of them run.',
  '- **Turns** are the same over websockets, each kept for all of its turns. The pipes speak none, so only the direct way',
  '  stands beside ours. Turns of `/v1` are answered from HTTP streams of the provider; beside them stand the turns that',
  '  Codex would ask of it.',
  '- **CPU** is the process’s own time while many requests run at once; that of Postgres is shown beside it.',
  '- **Core used** shows who was the limit: near 100 % of one core a process can do no more.',
  `- **Memory** is resident memory after a handful of requests, and the most seen with ${openStreams} slow streams open. **Live heap**`,
  '  is what is left after a forced garbage collection; what grows there from wave to wave would be a leak. Half of the',
  '  streams that are left in the midst are responses, half chats, each with a request of 12 kB and an answer of a minute.',
  `- **Choosing** is the way from the boards’ look at ${perSecond(poolSize)} accounts to the chosen one, in a process of its own that does`,
  '  nothing else: the median of 400 choices in the best of 10 rounds, because other programs only ever make it slower.',
  '- **Shortening** is request compression at work on 50 tool outputs of 20 kB, in the same process: the median of 12',
  '  conversations in the best of 5 rounds. Beside it the event loop turns as fast as it can; the longest time between two',
  '  turns is what every other stream would have waited.',
  '- **Starts** run from `node server/main.ts` until it serves; the cold one makes its database first.',
  '',
];
