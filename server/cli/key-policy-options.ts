/** The options by which `key create` and `key update` say what a key may ask for; each names its fields of the policy. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { KeyPolicy } from '../contract/key-policy.ts';
import { EffortLevel, effortLevels, serviceTiers } from '../contract/vocabulary.ts';

/** What an option says. Commander takes a bare null for nothing said. */
export interface Said<Value> {
  readonly value: Value;
}

export interface PolicyOptions {
  readonly models?: Said<KeyPolicy['allowedModels']>;
  readonly aliases?: Said<KeyPolicy['modelAliases']>;
  readonly forceModel?: Said<KeyPolicy['enforcedModel']>;
  readonly maxEffort?: Said<KeyPolicy['effort']>;
  readonly forceEffort?: Said<KeyPolicy['effort']>;
  readonly serviceTier?: Said<KeyPolicy['serviceTier']>;
  readonly addresses?: Said<KeyPolicy['allowedAddresses']>;
}

/** Adds `--models`, `--aliases`, … to a command. Every option has a word that takes its restriction back. */
export function addPolicyOptions(command: Command): Command {
  const levels = Object.keys(effortLevels).join(', ');
  const tiers = Object.keys(serviceTiers).join(', ');
  return command
    .addOption(option('--models <list>', 'the only models it may use, separated by commas; all, or none', readModels))
    .addOption(
      option('--aliases <list>', 'names of its own for models, as fast=gpt-6-luna,best=gpt-6-astra; none', readAliases),
    )
    .addOption(
      option('--force-model <model>', 'use this model whatever is asked; any', (text) =>
        readModel(unless(text, 'any')),
      ),
    )
    .addOption(
      option('--max-effort <level>', `refuse more reasoning effort than this (${levels}); any`, (text) =>
        readEffort('at_most', unless(text, 'any')),
      ).conflicts('forceEffort'),
    )
    .addOption(
      option('--force-effort <level>', 'use this reasoning effort whatever is asked; any', (text) =>
        readEffort('always', unless(text, 'any')),
      ),
    )
    .addOption(
      option('--service-tier <tier>', `use this tier whatever is asked (${tiers}, fast); any`, (text) =>
        read('serviceTier', unless(text, 'any')),
      ),
    )
    .addOption(
      option('--addresses <list>', 'the only addresses it may be used from, as 10.0.0.0/8,::1; any', (text) =>
        read('allowedAddresses', unless(text, 'any') && readList(text)),
      ),
    );
}

/** The fields of the policy that were named on the command line. */
export function policyOf(options: PolicyOptions): Partial<KeyPolicy> {
  const { models, aliases, forceModel, maxEffort, forceEffort, serviceTier, addresses } = options;
  const effort = maxEffort ?? forceEffort;
  return {
    ...(models && { allowedModels: models.value }),
    ...(aliases && { modelAliases: aliases.value }),
    ...(forceModel && { enforcedModel: forceModel.value }),
    ...(effort && { effort: effort.value }),
    ...(serviceTier && { serviceTier: serviceTier.value }),
    ...(addresses && { allowedAddresses: addresses.value }),
  };
}

/** Parts between commas, without the empty ones. */
export function readList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function option(flags: string, description: string, parse: (text: string) => unknown): Option {
  return new Option(flags, description).argParser((text): Said<unknown> => ({ value: parse(text.trim()) }));
}

/** null for the word that takes a restriction back. */
function unless(text: string, word: string): string | null {
  return text.toLowerCase() === word ? null : text;
}

function readModels(text: string): KeyPolicy['allowedModels'] {
  if (text.toLowerCase() === 'none') return [];
  return read('allowedModels', unless(text, 'all') && readList(text));
}

function readModel(text: string | null): KeyPolicy['enforcedModel'] {
  return read('enforcedModel', text);
}

function readAliases(text: string): KeyPolicy['modelAliases'] {
  if (text.toLowerCase() === 'none') return {};
  const pairs = readList(text).map((part) => part.split('='));
  if (pairs.length === 0 || pairs.some(({ length }) => length !== 2))
    throw new InvalidArgumentError('Write name=model, several with commas between.');
  return read('modelAliases', Object.fromEntries(pairs));
}

function readEffort(rule: 'at_most' | 'always', text: string | null): KeyPolicy['effort'] {
  if (text === null) return null;
  const level = EffortLevel.safeParse(text.toLowerCase()).data;
  if (!level) throw new InvalidArgumentError(`It is one of ${Object.keys(effortLevels).join(', ')}, or any.`);
  return { rule, level };
}

/** By the rule of the contract, said as a fault of the option. */
function read<Field extends keyof KeyPolicy>(field: Field, value: unknown): KeyPolicy[Field] {
  const parsed = KeyPolicy.shape[field].safeParse(value);
  if (parsed.success) return parsed.data as KeyPolicy[Field];
  throw new InvalidArgumentError(`${faults[field] ?? 'It is not understood.'}`);
}

const faults: { readonly [Field in keyof KeyPolicy]?: string } = {
  allowedModels: 'Name up to 200 models, or say all or none.',
  modelAliases: 'Name up to 200 aliases, each with the model it stands for.',
  enforcedModel: 'Name a model, or say any.',
  serviceTier: `It is one of ${Object.keys(serviceTiers).join(', ')}, fast, or any.`,
  allowedAddresses: 'Name up to 200 IP addresses or ranges such as 10.0.0.0/8, or say any.',
};
