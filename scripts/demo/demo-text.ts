/** What the demo prints. */
import { codexConfig, exportLine, indented, keyVariable } from '../../server/cli/codex-snippet.ts';
import { demoAccounts } from './demo-accounts.ts';
import { responsesPath, turnBody } from './demo-traffic.ts';

const line = '='.repeat(72);

export function banner(): string {
  return `
${line}
  DEMO of Codex Pooler
  Nothing leaves this machine; accounts and answers are made up.
${line}

`;
}

export function accountsText(): string {
  const rows = demoAccounts.map(({ name, story }) => `  ${name.padEnd(6)}${story}\n`);
  return `Three accounts share the work:\n${rows.join('')}\n`;
}

export interface DemoAddress {
  readonly url: string;
  readonly key: string;
  readonly dataFolder: string;
  /** A CODEX_HOME that points at the demo, so that the real one stays as it is. */
  readonly codexHome: string;
  readonly platform: NodeJS.Platform;
}

export function whatToTry({ url, key, dataFolder, codexHome, platform }: DemoAddress): string {
  const cli = (words: string) => withVariables({ CODEX_POOLER_DATA_DIR: dataFolder }, { command: words, platform });
  const codex = withVariables(
    { CODEX_HOME: codexHome, [keyVariable]: key },
    { command: 'codex exec --skip-git-repo-check "say hello"', platform },
  );
  return `
The demo runs at ${url}. Try, in another terminal:

A request by hand:

  curl -N ${url}${responsesPath} \\
    -H 'authorization: Bearer ${key}' \\
    -H 'content-type: application/json' \\
    -d '${JSON.stringify(turnBody('say hello'))}'

Codex itself, with a settings folder of its own (your ~/.codex stays as it is):

  ${codex}

What that folder says, and what you would put into ~/.codex/config.toml for a real pool:

${indented(codexConfig(url))}
  ${exportLine(key, platform)}

The accounts with their limits, and what has been recorded:

  ${cli('npm run -s cli -- account list')}
  ${cli('npm run -s cli -- doctor')}

The limits of the pool, as Codex shows them to its user:

  curl -s ${url}/backend-api/wham/usage -H 'authorization: Bearer ${key}'

`;
}

function withVariables(
  variables: Readonly<Record<string, string>>,
  { command, platform }: { command: string; platform: NodeJS.Platform },
): string {
  const set = Object.entries(variables).map(([name, value]) =>
    platform === 'win32' ? `$env:${name} = "${value}";` : `${name}=${value}`,
  );
  return [...set, command].join(' ');
}
