/** `job list`, `job run`: the recurring work, how it last went and when it is next. */
import type { Command } from 'commander';
import { jobs, type JobState } from '../contract/jobs.ts';
import { JobName, jobNames, jobOutcomes } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { CommandProblem } from './command-problem.ts';
import { counted, renderDuration, renderMoment, renderTable } from './plain-text.ts';

export function addJobCommands(program: Command, cli: Cli): void {
  const description = 'Recurring work: list, run';
  const group = addCommandGroup(program, { name: 'job', description, heading: 'Look after it:' });

  group
    .command('list')
    .description('Show the recurring work, how it last went and when it is next')
    .action(async () => {
      const listed = await cli.withEndpoints(({ call }) => call(jobs.list, {}));
      cli.show({ json: listed, text: renderJobTable(listed.jobs, cli.clock.now()) });
    });

  group
    .command('run')
    .argument('<name>', 'as "job list" shows it')
    .description('Do a piece of recurring work now, and wait up to a minute until it is done')
    .action(async (text: string) => {
      const name = readJobName(text);
      const ran = await cli.withEndpoints(({ call }) => call(jobs.run, { name }));
      const { job, isOver } = ran;
      if (!isOver) {
        const stands = job.outcome === 'running' ? 'under way' : 'queued';
        cli.show({
          json: ran,
          text: `${name} is ${stands}. "codex-pooler job list" shows when it has run.\n`,
        });
        return;
      }
      if (job.outcome === 'failed') {
        throw new CommandProblem('job_failed', { sentence: `${name} failed: ${job.problem}. The log says more.` });
      }
      cli.show({ json: ran, text: `${name}: ${lastRunOf(job, cli.clock.now())}.\n` });
    });
}

function readJobName(text: string): JobName {
  const parsed = JobName.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CommandProblem('job_not_found', {
    sentence: 'There is no such work. "codex-pooler job list" shows all there is.',
  });
}

function renderJobTable(states: readonly JobState[], now: Date): string {
  return renderTable([
    ['JOB', 'WHEN', 'LAST RUN', 'NEXT', 'WHAT IT DOES'],
    ...states.map((job) => [job.name, whenOf(job), lastRunOf(job, now), nextOf(job, now), jobNames[job.name]]),
  ]);
}

function whenOf({ schedule }: JobState): string {
  if (schedule.kind === 'every') return `every ${renderDuration(schedule.everyMs)}`;
  const two = (value: number) => String(value).padStart(2, '0');
  return `daily ${two(Math.floor(schedule.atMinute / 60))}:${two(schedule.atMinute % 60)} UTC`;
}

function lastRunOf(job: JobState, now: Date): string {
  if (job.outcome === null || job.startedAt === null) return 'never';
  const since = renderMoment(job.startedAt, now);
  if (job.outcome === 'running') return `began ${since}, ${jobOutcomes.running.toLowerCase()}`;
  if (job.outcome === 'failed') return `failed ${since}: ${job.problem} (${counted(job.failures, 'failure')} in a row)`;
  const durationMs = (job.finishedAt ?? job.startedAt).getTime() - job.startedAt.getTime();
  const took = durationMs < 1_000 ? `${durationMs} ms` : renderDuration(durationMs);
  return `done ${since} in ${took}, ${job.doneCount ?? 0} done`;
}

function nextOf(job: JobState, now: Date): string {
  if (!job.isOn) return 'off';
  if (job.nextAt === null) return '-';
  return job.nextAt <= now ? 'now' : renderMoment(job.nextAt, now);
}
