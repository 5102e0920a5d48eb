/** `key pause`, `resume`, `rotate`, `revoke`, `delete`: the life of a key. */
import { InvalidArgumentError, type Command } from 'commander';
import { apiKeys, longestOverlapSeconds, type ApiKey } from '../contract/api-keys.ts';
import type { Cli } from './cli.ts';
import { confirm } from './confirm.ts';
import { keyText, startOf } from './key-name.ts';
import { renderRotated } from './key-text.ts';
import { printable } from './plain-text.ts';
import { readLengthMs } from './read-expiry.ts';

export function addKeyLifeCommands(group: Command, cli: Cli): void {
  addPauses(group, cli);
  addRotation(group, cli);
  addEnds(group, cli);
}

function addPauses(group: Command, cli: Cli): void {
  group
    .command('pause')
    .argument('<key>', keyText)
    .description('Refuse its requests until it is resumed; running ones end by themselves')
    .action(async (key: string) => {
      const paused = await cli.withEndpoints(({ call }) => call(apiKeys.pause, { key: startOf(key) }));
      const { prefix } = paused.key;
      cli.show({
        json: paused,
        text: `Paused ${nameOf(paused.key)}. Resume it with: codex-pooler key resume ${prefix}\n`,
      });
    });

  group
    .command('resume')
    .argument('<key>', keyText)
    .description('Let a paused key work again')
    .action(async (key: string) => {
      const resumed = await cli.withEndpoints(({ call }) => call(apiKeys.resume, { key: startOf(key) }));
      cli.show({ json: resumed, text: `Resumed ${nameOf(resumed.key)}.\n` });
    });
}

interface RotateOptions {
  readonly overlap: number;
  readonly quiet?: boolean;
  readonly yes?: boolean;
}

function addRotation(group: Command, cli: Cli): void {
  group
    .command('rotate')
    .argument('<key>', keyText)
    .description('Give it a new secret, shown once; its history and what it may do stay')
    .option('--overlap <length>', 'how long the former secret still works, e.g. 24h, up to 7d', readOverlap, 0)
    .option('-q, --quiet', 'print nothing but the key')
    .option('-y, --yes', 'do not ask')
    .action(async (key: string, { overlap, quiet, yes = false }: RotateOptions) => {
      const deed = `This ends the present secret of ${startOf(key)} at once; --overlap 24h would leave it a day.`;
      await confirm(cli.terminal, { yes: yes || overlap > 0, deed });
      const rotated = await cli.withEndpoints(({ call }) =>
        call(apiKeys.rotate, { key: startOf(key), overlapSeconds: overlap }),
      );
      if (quiet) cli.terminal.write(`${rotated.secret}\n`);
      else cli.show({ json: rotated, text: renderRotated(rotated, { now: cli.clock.now(), platform: cli.platform }) });
    });
}

function addEnds(group: Command, cli: Cli): void {
  group
    .command('revoke')
    .argument('<key>', keyText)
    .description('End a key for good')
    .option('-y, --yes', 'do not ask')
    .action(async (key: string, { yes = false }: { yes?: boolean }) => {
      await confirm(cli.terminal, { yes, deed: `This ends the key ${startOf(key)} for every client that uses it.` });
      const revoked = await cli.withEndpoints(({ call }) => call(apiKeys.revoke, { key: startOf(key) }));
      cli.show({ json: revoked, text: `Revoked ${nameOf(revoked.key)}.\n` });
    });

  group
    .command('delete')
    .argument('<key>', keyText)
    .description('End a key and take it off the list; what it used stays on record')
    .option('-y, --yes', 'do not ask')
    .action(async (key: string, { yes = false }: { yes?: boolean }) => {
      await confirm(cli.terminal, { yes, deed: `This ends the key ${startOf(key)} and takes it off the list.` });
      const deleted = await cli.withEndpoints(({ call }) => call(apiKeys.delete, { key: startOf(key) }));
      cli.show({ json: deleted, text: `Deleted ${nameOf(deleted.key)}.\n` });
    });
}

function nameOf({ name, prefix }: Pick<ApiKey, 'name' | 'prefix'>): string {
  return `${printable(name)} (${prefix})`;
}

/** In seconds. */
function readOverlap(text: string): number {
  const ms = readLengthMs(text.trim());
  if (ms === undefined || ms > longestOverlapSeconds * 1_000)
    throw new InvalidArgumentError('Use a length such as 30m, 24h or 7d, which is the longest.');
  return ms / 1_000;
}
