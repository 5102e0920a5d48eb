/** `doctor`: a report about this installation that may be shown to others. */
import type { Command } from 'commander';
import type { SystemReport } from '../contract/system.ts';
import { accountStatuses } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { makeDoctorReport, type DoctorReport } from './doctor-report.ts';
import { counted, renderBytes, renderMoment, renderTable } from './plain-text.ts';

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .helpGroup('Look after it:')
    .description('Report on this installation, without secrets and names, fit to be shown to others')
    .action(async () => {
      const report = await makeDoctorReport(cli);
      cli.show({ json: report, text: renderDoctorReport(report) });
    });
}

type Line = readonly [name: string, text: string];

function renderDoctorReport(doctor: DoctorReport): string {
  const { report, problem } = doctor;
  const lines = [...programLines(doctor), ...folderLines(doctor), ...(report ? reportLines(report) : [])];
  const width = Math.max(...lines.map(([name]) => name.length));
  const head = lines.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
  if (problem) return `${head}\nNo report from the server: ${problem.sentence}\n`;
  return report ? `${head}\n${tables(report)}` : head;
}

function programLines({ program, environment, configuration }: DoctorReport): Line[] {
  const { version, node, platform, arch } = program;
  const lines: Line[] = [['program', `Codex Pooler ${version}, Node ${node}, ${platform} ${arch}`]];
  for (const { name, rule } of environment.problems) lines.push(['variable', `${name} ${rule}`]);
  if (environment.unknownCount > 0) {
    lines.push(['variables', `${counted(environment.unknownCount, 'unknown name')}; "config check" shows which`]);
  }
  if (!configuration) return lines;
  const provider = configuration.usesRealProvider ? 'the real provider' : 'another provider address';
  return [
    ...lines,
    ['runs as', `${configuration.mode}, port ${configuration.port}, ${provider}`],
    ...(configuration.servesClients ? [] : [['clients', 'not served (PHX_SERVER)'] as const]),
    ['database', configuration.database === 'own' ? 'your own Postgres' : 'the built-in Postgres'],
  ];
}

function folderLines({ dataFolder, instance }: DoctorReport): Line[] {
  if (!dataFolder) return [];
  const files = dataFolder.files.map(({ name, mode }) => `${name} ${mode}`).join(', ');
  const state = dataFolder.exists ? files || 'empty' : 'does not exist';
  const where = instance?.url ? `at ${instance.url}` : 'no address yet';
  return [
    ['data folder', `${dataFolder.path}: ${state}`],
    ...(dataFolder.freeBytes === null ? [] : [['free on disk', renderBytes(dataFolder.freeBytes)] as const]),
    ['server', instance ? `process ${instance.pid ?? 'unknown'}, ${where}` : 'not running'],
  ];
}

function reportLines({ database, openRequests, processes, observedAt }: SystemReport): Line[] {
  const { migrations } = database;
  const pending = migrations.pending.length > 0 ? `, ${migrations.pending.length} pending` : '';
  const unknown = migrations.unknown.length > 0 ? `, ${migrations.unknown.length} unknown` : '';
  const oldest = openRequests.oldestAt ? `, the oldest since ${renderMoment(openRequests.oldestAt, observedAt)}` : '';
  return [
    ['Postgres', `${database.version}, ${renderBytes(database.bytes)}`],
    ['migrations', `${migrations.applied.length} applied${pending}${unknown}`],
    ['processes', processes.map(({ number, version }) => `${number} (${version})`).join(', ') || 'none'],
    ['open requests', `${openRequests.count}${oldest}`],
  ];
}

function tables({ accounts, changedSettings, rows, observedAt }: SystemReport): string {
  const accountRows = accounts.map((account) => [
    account.id,
    account.email ?? '-',
    account.plan ?? '-',
    accountStatuses[account.status],
    account.statusReason ?? '-',
    renderMoment(account.statusChangedAt, observedAt),
    account.accessTokenExpiresAt ? renderMoment(account.accessTokenExpiresAt, observedAt) : '-',
    renderMoment(account.refreshedAt, observedAt),
    renderMoment(account.quotaReadAt, observedAt),
    `${renderMoment(account.limitsAskedAt, observedAt)}${account.limitsFailures > 0 ? `, ${counted(account.limitsFailures, 'failure')}` : ''}`,
  ]);
  const accountHead = [
    'ACCOUNT',
    'E-MAIL',
    'PLAN',
    'STATE',
    'WHY',
    'SINCE',
    'TOKEN ENDS',
    'RENEWED',
    'LIMITS READ',
    'ASKED',
  ];
  const parts = [
    accounts.length > 0 ? renderTable([accountHead, ...accountRows]) : 'No account is linked.\n',
    changedSettings.length > 0
      ? renderTable([['CHANGED SETTING', 'VALUE'], ...changedSettings.map(({ name, value }) => [name, String(value)])])
      : 'No setting was changed.\n',
    renderTable([
      ['TABLE', 'ROWS'],
      ...rows.map(({ table, rows: count, isEstimate }) => [table, isEstimate ? `about ${count}` : String(count)]),
    ]),
  ];
  return parts.join('\n');
}
