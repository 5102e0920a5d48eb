/** The repository's own files, for tests that read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from './rooms.ts';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** Every TypeScript file of the project, the tests too. */
export function sourceFiles(): SourceFile[] {
  const inFolders = ['server', 'main', 'renderer', 'scripts', 'test'].flatMap((folder) =>
    readdirSync(`${repository}${folder}`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(?:ts|tsx|mts)$/.test(entry.name))
      .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(repository.length).replaceAll('\\', '/')),
  );
  const inRoot = readdirSync(repository).filter((name) => name.endsWith('.ts'));
  return [...inFolders, ...inRoot].map((path) => ({ path, text: readFileSync(`${repository}${path}`, 'utf8') }));
}
