/** `settings list`, `show`, `set`, `reset`: what an operator may change while the server runs. */
import type { Command } from 'commander';
import { z } from 'zod';
import { type SettingRow, settings, settingsEndpoints, type SettingName } from '../contract/settings.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { CommandProblem } from './command-problem.ts';
import { printable, renderTable } from './plain-text.ts';

export function addSettingsCommands(program: Command, cli: Cli): void {
  const description = 'Settings: list, show, set, reset';
  const group = addCommandGroup(program, { name: 'settings', description, heading: 'Settings:' });

  group
    .command('list')
    .description('Show every setting and which ones were changed')
    .action(async () => {
      const listed = await cli.withEndpoints(({ call }) => call(settingsEndpoints.list, {}));
      const rows = listed.settings.map(({ name, value, isDefault, label }) => [
        name,
        String(value),
        isDefault ? '' : `default ${settings[name].default}`,
        label,
      ]);
      cli.show({ json: listed, text: renderTable([['SETTING', 'VALUE', 'CHANGED', 'WHAT IT IS'], ...rows]) });
    });

  group
    .command('show')
    .argument('<name>', 'as "settings list" shows it')
    .description('Show what a setting means and what it takes')
    .action(async (text: string) => {
      const name = readSettingName(text);
      const listed = await cli.withEndpoints(({ call }) => call(settingsEndpoints.list, {}));
      const setting = listed.settings.find((each) => each.name === name)!;
      cli.show({ json: { setting }, text: renderSetting(setting) });
    });

  group
    .command('set')
    .argument('<name>', 'as "settings list" shows it')
    .argument('<value>')
    .description('Change a setting; it holds for requests that come after')
    .action(async (text: string, value: string) => {
      const name = readSettingName(text);
      await change(cli, { name, value: readSettingValue(name, value) });
    });

  group
    .command('reset')
    .argument('<name>', 'as "settings list" shows it')
    .description('Put a setting back to its default')
    .action((text: string) => change(cli, { name: readSettingName(text), value: null }));
}

async function change(cli: Cli, input: { name: SettingName; value: string | number | boolean | null }): Promise<void> {
  const changed = await cli.withEndpoints(({ call }) => call(settingsEndpoints.change, input));
  const { name, value, isDefault } = changed.setting;
  cli.show({ json: changed, text: `${name} is ${printable(String(value))} now${isDefault ? ', its default' : ''}.\n` });
}

function renderSetting({ name, value, isDefault, label, help }: z.infer<typeof SettingRow>): string {
  const usual = isDefault ? 'its default' : `default ${settings[name].default}`;
  return `${name}: ${label}\n  value  ${printable(String(value))}, ${usual}\n  takes  ${takenBy(name)}\n${help}\n`;
}

function takenBy(name: SettingName): string {
  const schema: z.ZodType = settings[name].schema;
  if (schema instanceof z.ZodBoolean) return 'true or false';
  return schema instanceof z.ZodNumber ? `a whole number from ${schema.minValue} to ${schema.maxValue}` : 'text';
}

function readSettingName(text: string): SettingName {
  if (Object.hasOwn(settings, text)) return text as SettingName;
  throw new CommandProblem('setting_not_found', {
    sentence: 'There is no such setting. "codex-pooler settings list" shows them all.',
  });
}

/** Text as the kind of value the setting holds; what does not fit goes on as it is, and the server says what would. */
function readSettingValue(name: SettingName, text: string): string | number | boolean {
  const usual: string | number | boolean = settings[name].default;
  if (typeof usual === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  if (typeof usual === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text;
}
