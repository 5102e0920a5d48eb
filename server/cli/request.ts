/** `request list`, `request explain`, `route simulate`: where requests went and why, and where one would go now. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { decisions, usualInputTokens } from '../contract/decisions.ts';
import type { Cli } from './cli.ts';
import { addCommandGroup } from './command-group.ts';
import { CommandProblem, exitCodes } from './command-problem.ts';
import { keyText, startOf } from './key-name.ts';
import { renderExplanation, renderRequestTable } from './decision-text.ts';

const heading = 'Requests:';

export function addRequestCommands(program: Command, cli: Cli): void {
  const group = addCommandGroup(program, { name: 'request', description: 'Requests: list, explain', heading });

  group
    .command('list')
    .description('Show the newest requests with what became of them')
    .option('--limit <number>', 'how many', '20')
    .action(async ({ limit }: { limit: string }) => {
      const listed = await cli.withEndpoints(({ call }) => call(decisions.list, { limit: readLimit(limit) }));
      const none = 'There is no request yet.\n';
      cli.show({ json: listed, text: listed.requests.length === 0 ? none : renderRequestTable(listed.requests) });
    });

  group
    .command('explain')
    .argument('<id>', 'as "request list" or the header x-request-id shows it')
    .description('Show why a request went to its account, and why not to the others')
    .action(async (requestId: string) => {
      const explained = await cli.withEndpoints(({ call }) => call(decisions.explain, { requestId }));
      cli.show({ json: explained, text: renderExplanation(explained) });
    });
}

interface SimulateOptions {
  readonly key: string;
  readonly model: string;
  readonly address?: string;
  readonly thread?: string;
  readonly promptCacheKey?: string;
  readonly tier?: string;
  readonly effort?: string;
  readonly compact?: boolean;
  readonly images?: boolean;
  readonly tools?: boolean;
  readonly inputTokens: number;
  readonly outputTokens?: number;
}

export function addRouteCommands(program: Command, cli: Cli): void {
  const group = addCommandGroup(program, { name: 'route', description: 'Routing: simulate', heading });

  group
    .command('simulate')
    .description('Show which account a request would get now; nothing is sent')
    .requiredOption('--key <key>', keyText)
    .requiredOption('--model <model>', 'the model that would be asked for')
    .option('--address <ip>', 'where it would come from')
    .option('--thread <id>', 'the conversation it would belong to')
    .option('--prompt-cache-key <text>', 'its prompt cache key')
    .option('--tier <tier>', 'its service tier')
    .option('--effort <level>', 'its reasoning effort')
    .option('--compact', 'as a compaction')
    .option('--images', 'with images in it')
    .option('--tools', 'with tools')
    .addOption(
      new Option(
        '--input-tokens <number>',
        'how long it would be; by default as the first turn of a Codex conversation',
      )
        .default(usualInputTokens)
        .argParser(readTokens),
    )
    .option('--output-tokens <number>', 'the longest answer it would ask for', readTokens)
    .action(async ({ key, tier, compact, images, tools, ...options }: SimulateOptions) => {
      const ask = {
        ...options,
        key: startOf(key),
        ...(tier !== undefined && { serviceTier: tier }),
        isCompaction: compact === true,
        hasImages: images === true,
        hasTools: tools === true,
      };
      const simulated = await cli.withEndpoints(({ call }) => call(decisions.simulate, ask));
      cli.show({ json: simulated, text: renderExplanation(simulated) });
    });
}

function readTokens(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of tokens.');
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 500) return limit;
  throw new CommandProblem('invalid_request', {
    sentence: '--limit must be a whole number from 1 to 500.',
    exitCode: exitCodes.usage,
  });
}
