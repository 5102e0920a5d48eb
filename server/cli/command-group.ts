/** Commands that belong together, such as `account import` and `account list`. */
import type { Command } from 'commander';

const groups = new WeakSet<Command>();

/** Adds a word that does nothing by itself and holds other commands. `heading` stands above them in the help. */
export function addCommandGroup(
  program: Command,
  { name, description, heading }: { name: string; description: string; heading: string },
): Command {
  const group = program.command(name).description(description).helpGroup(heading).usage('<command> [options]');
  group.commandsGroup(heading);
  groups.add(group);
  return group;
}

export function isCommandGroup(command: Command): boolean {
  return groups.has(command);
}
