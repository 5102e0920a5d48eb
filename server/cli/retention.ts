/** `retention preview`: what the nightly removal of old rows would take. */
import type { Command } from 'commander';
import { retention, type DoomedRows } from '../contract/retention.ts';
import { retentionClasses } from '../contract/vocabulary.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { renderMoment, renderTable } from './plain-text.ts';

const closing =
  '\nChange how long things are kept with "settings set retention.…". "job run remove_old" removes now.\n';

export function addRetentionCommands(program: Command, cli: Cli): void {
  const description = 'Old records: preview what is removed at night';
  const group = addCommandGroup(program, { name: 'retention', description, heading: 'Look after it:' });

  group
    .command('preview')
    .description('Show how many old records the next night removes')
    .action(async () => {
      const previewed = await cli.withEndpoints(({ call }) => call(retention.preview, {}));
      const rows = previewed.classes.map((each) => [
        retentionClasses[each.class],
        keptFor(each),
        String(each.rows),
        each.rows === 0 ? '-' : renderMoment(each.oldestAt, cli.clock.now()),
      ]);
      const table = renderTable([['RECORDS', 'KEPT FOR', 'TO GO', 'OLDEST'], ...rows]);
      cli.show({ json: previewed, text: `${table}${closing}` });
    });
}

function keptFor({ keepDays }: DoomedRows): string {
  if (keepDays === null) return 'its own time';
  return keepDays === 0 ? 'ever' : `${keepDays} d`;
}
