/** The tables of a run. */
import { choiceTable, type ChoiceCost } from './choice.ts';
import { compressionTable, type CompressionCost } from './compression.ts';
import { duration, kilobytes, megabytes, milliseconds, missing, percent, perSecond, ratio } from './number-texts.ts';
import { uploads } from './measure-uploads.ts';
import { summarize, type Results, type Summary } from './results.ts';
import { openStreams, scenarios } from './scenarios.ts';
import type { Column, Table } from './table.ts';
import { targetLabels, type TargetName } from './targets.ts';
import { judge, judgeChoices, judgeCompression, type Verdict } from './verdicts.ts';

const targetOrder: readonly TargetName[] = ['direct', 'pipe', 'koa', 'ours'];

/** All tables, in reading order. */
export function tablesOf(results: Results): Table[] {
  return [
    verdictTable(judge(results)),
    firstByteTable(results),
    loadTable(results),
    memoryTable(results),
    leakTable(results),
    abortTable(results),
    uploadTable(results),
    choiceTable(results.choices),
    compressionTable(results.compression),
  ];
}

/** What is said where only choices were measured. */
export function choiceTables(choices: readonly ChoiceCost[]): Table[] {
  return [verdictTable(judgeChoices(choices)), choiceTable(choices)];
}

/** What is said where only request compression was measured. */
export function compressionTables(costs: readonly CompressionCost[]): Table[] {
  return [verdictTable(judgeCompression(costs)), compressionTable(costs)];
}

function verdictTable(verdicts: readonly Verdict[]): Table {
  return {
    title: 'Expected at this stage',
    columns: [left('Expected'), right('Measured'), left('')],
    rows: verdicts.map(({ expected, measured, isKept }) => [expected, measured, mark(isKept)]),
  };
}

function mark(isKept: boolean | null): string {
  if (isKept === null) return 'not measured';
  return isKept ? '✔ kept' : '✘ missed';
}

function firstByteTable({ figures }: Results): Table {
  return {
    title: 'Time to the first byte of the answer, ms',
    columns: [
      left('Scenario'),
      left('Through'),
      right('p50'),
      right('added'),
      right('of the pipe'),
      right('p99'),
      right('added'),
      right('of the pipe'),
    ],
    rows: eachSummary(figures, ({ firstByteP50, firstByteP99, ...summary }) => [
      milliseconds(firstByteP50),
      signed(summary.addedP50),
      ratio(summary.addedP50OfPipe),
      milliseconds(firstByteP99),
      signed(summary.addedP99),
      ratio(summary.addedP99OfPipe),
    ]),
  };
}

function loadTable({ figures }: Results): Table {
  return {
    title: 'Throughput and processor time',
    columns: [
      left('Scenario'),
      left('Through'),
      right('answers/s'),
      right('of the pipe'),
      right('CPU ms/answer'),
      right('of the pipe'),
      right('Postgres CPU ms'),
      right('core used'),
      right('by the sandbox'),
    ],
    rows: eachSummary(figures, (summary) => [
      perSecond(summary.requestsPerSecond),
      ratio(summary.throughputOfPipe),
      milliseconds(summary.cpuMs),
      ratio(summary.cpuOfPipe),
      summary.databaseCpuMs > 0 ? milliseconds(summary.databaseCpuMs) : missing,
      percent(summary.coreShare),
      percent(summary.sandboxCoreShare),
    ]),
  };
}

function memoryTable({ memory, coldStartMs, warmStartMs }: Results): Table {
  return {
    title: 'Memory and start',
    columns: [
      left('Process'),
      right('at rest'),
      right(`${openStreams} streams open`),
      right('per stream'),
      right('per websocket'),
      right('per /v1 websocket'),
      right('its Postgres'),
      right('cold start'),
      right('warm start'),
    ],
    rows: memory.map((each) => [
      targetLabels[each.target],
      megabytes(each.idleBytes),
      megabytes(each.openBytes),
      kilobytes(each.bytesPerStream),
      kilobytes(each.bytesPerSocket),
      kilobytes(each.bytesPerPublicSocket),
      megabytes(each.databaseBytes),
      each.target === 'ours' ? duration(coldStartMs) : missing,
      each.target === 'ours' ? duration(warmStartMs) : missing,
    ]),
  };
}

function leakTable({ leak }: Results): Table {
  return {
    title: `Codex Pooler after waves of ${openStreams} streams`,
    columns: [left('After'), right('resident'), right('live heap')],
    rows: [
      ...leak.residentBytes.map((bytes, wave) => [
        wave === 0 ? 'all rounds' : `${wave} × ${openStreams} more`,
        megabytes(bytes),
        megabytesExactly(leak.liveHeapBytes[wave] ?? Number.NaN),
      ]),
      [`${openStreams} held open`, missing, megabytesExactly(leak.openLiveHeapBytes)],
    ],
  };
}

function abortTable({ aborts: { residentBytes, liveHeapBytes } }: Results): Table {
  return {
    title: `Codex Pooler after waves of ${openStreams} /v1 streams that were left in the midst`,
    columns: [left('After'), right('resident'), right('live heap')],
    rows: residentBytes.map((bytes, wave) => [
      wave === 0 ? 'the first' : `${wave} × ${openStreams} more`,
      megabytes(bytes),
      megabytesExactly(liveHeapBytes[wave] ?? Number.NaN),
    ]),
  };
}

function uploadTable({ uploads: { idleBytes, mostBytes } }: Results): Table {
  return {
    title: `Codex Pooler while ${uploads.clients} clients send ${uploads.files} files of ${megabytes(uploads.bytes)}`,
    columns: [right('resident before'), right('at most'), right('grown by')],
    rows: [[megabytes(idleBytes), megabytes(mostBytes), megabytes(mostBytes - idleBytes)]],
  };
}

function eachSummary(figures: Results['figures'], cells: (summary: Summary) => string[]): string[][] {
  return scenarios.flatMap(({ id, title, transport }) =>
    targetOrder
      .filter((target) => transport === 'http' || target === 'direct' || target === 'ours')
      .map((target) => [title, targetLabels[target], ...cells(summarize(figures, { scenario: id, target }))]),
  );
}

/** A leak of a few kilobytes per stream shows only behind the point. */
function megabytesExactly(bytes: number): string {
  return Number.isFinite(bytes) ? `${(bytes / 1e6).toFixed(2)} MB` : missing;
}

function signed(ms: number): string {
  return ms > 0 ? `+${milliseconds(ms)}` : milliseconds(ms);
}

function left(title: string): Column {
  return { title, align: 'left' };
}

function right(title: string): Column {
  return { title, align: 'right' };
}
