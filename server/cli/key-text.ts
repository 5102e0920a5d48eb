/** Keys as the command line prints them. */
import type { ApiKey } from '../contract/api-keys.ts';
import type { KeyPolicy } from '../contract/key-policy.ts';
import { apiKeyStatuses, effortRules } from '../contract/vocabulary.ts';
import { codexConfig, exportLine, indented } from './codex-snippet.ts';
import { printable, renderMoment, renderTable } from './plain-text.ts';

export function renderKeyTable(keys: readonly ApiKey[], now: Date): string {
  return renderTable([
    ['NAME', 'KEY', 'POOL', 'STATE', 'MODELS', 'EXPIRES', 'LAST USED'],
    ...keys.map((key) => [
      key.name,
      `${key.prefix}-…`,
      key.pool,
      apiKeyStatuses[key.status],
      key.policy ? modelsOf(key.policy) : 'unreadable',
      renderMoment(key.expiresAt, now),
      renderMoment(key.lastUsedAt, now),
    ]),
  ]);
}

/** One key with everything that is known of it. */
export function renderKey(key: ApiKey, now: Date): string {
  const { overlap, policy } = key;
  const facts: [string, string][] = [
    ['key', `${key.prefix}-…`],
    ['pool', key.pool],
    ['state', apiKeyStatuses[key.status]],
    ['expires', renderMoment(key.expiresAt, now)],
    ['last used', renderMoment(key.lastUsedAt, now)],
    ['made', renderMoment(key.createdAt, now)],
    ...(overlap ? ([['former key', `${overlap.prefix}-… ends ${renderMoment(overlap.endsAt, now)}`]] as const) : []),
    ...(policy ? policyRows(policy) : ([['policy', 'cannot be read; set it with "key update"']] as const)),
    ...(key.labels.length > 0 ? ([['labels', key.labels.join(', ')]] as const) : []),
    ...(key.notes === '' ? [] : ([['notes', key.notes]] as const)),
  ].map(([name, value]) => [name, value]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `  ${name.padEnd(width)}  ${printable(value)}\n`);
  return `${printable(key.name)}\n${lines.join('')}`;
}

function policyRows(policy: KeyPolicy): [string, string][] {
  const { modelAliases, enforcedModel, effort, serviceTier, allowedAddresses } = policy;
  const aliases = Object.entries(modelAliases).map(([name, model]) => `${name} is ${model}`);
  return [
    ['models', modelsOf(policy)],
    ...(aliases.length > 0 ? ([['aliases', aliases.join(', ')]] as [string, string][]) : []),
    ['always uses', enforcedModel ?? 'the model that is asked'],
    ['effort', effort ? `${effort.level}: ${effortRules[effort.rule].toLowerCase()}` : 'as asked'],
    ['tier', serviceTier ?? 'as asked'],
    ['used from', allowedAddresses?.join(', ') ?? 'any address'],
  ];
}

function modelsOf({ allowedModels }: KeyPolicy): string {
  return allowedModels === null ? 'all' : allowedModels.join(', ') || 'none';
}

/** With the secret, which is shown here and never again, and what a Codex client wants of it. */
export function renderCreated(
  { key, secret }: { key: ApiKey; secret: string },
  { url, platform }: { url: string; platform: NodeJS.Platform },
): string {
  return `The key "${printable(key.name)}" for the pool ${key.pool}. It is shown this once:

  ${secret}

For Codex, in ~/.codex/config.toml: the first line above every [section], the rest at the end of the file.

${indented(codexConfig(url))}
and give it the key in the shell that starts it:

  ${exportLine(secret, platform)}
${titleHint(key)}`;
}

/** The interactive CLI names a thread with a small model of its own and reviews with another (wire spec A2). */
function titleHint({ policy }: ApiKey): string {
  if (!policy?.allowedModels?.length) return '';
  return `
Codex also asks for models of its own, for titles and reviews. Where they are not allowed, it goes without them; to
answer them with an allowed model, give them aliases, for example --aliases codex-auto-review=${policy.allowedModels[0]}
`;
}

/** With the new secret, and how long the former one still works. */
export function renderRotated(
  { key, secret }: { key: ApiKey; secret: string },
  { now, platform }: { now: Date; platform: NodeJS.Platform },
): string {
  const former = key.overlap
    ? `The former one works beside it and ends ${renderMoment(key.overlap.endsAt, now)}.`
    : 'The former one has ended.';
  return `The key "${printable(key.name)}" has a new secret. It is shown this once:

  ${secret}

${former} Give Codex the new one in the shell that starts it:

  ${exportLine(secret, platform)}
`;
}
